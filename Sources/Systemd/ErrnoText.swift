// The words for an errno value.

import Glibc

/// What strerror_r(3) says about an errno value, which unlike strerror(3) may be asked from any thread.
func describe(errno number: Int32) -> String {
    var text = [CChar](repeating: 0, count: 128)
    // The POSIX form of the function, which fills the buffer, is the one that Glibc's module exports.
    guard unsafe strerror_r(number, &text, text.count) == 0 else { return "errno \(number)" }
    return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
}
