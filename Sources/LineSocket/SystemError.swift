// A system call that failed: which one, and the kernel's number for why.

import CAncillary

package struct SystemError: Error, Equatable, CustomStringConvertible {
    package let call: String
    /// An errno.
    package let number: Int32

    package init(_ call: String, _ number: Int32) {
        self.call = call
        self.number = number
    }

    /// What `CAncillary` returns for a failure is the negated errno.
    init(_ call: String, result: Int) {
        self.init(call, Int32(truncatingIfNeeded: -result))
    }

    package var description: String {
        unsafe "\(call): \(String(cString: ca_error_description(number)))"
    }
}
