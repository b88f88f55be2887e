// The programs that the build put beside the tests.

import Foundation

package enum BuiltProduct {
    /// The folder of the running test bundle, which is the build's.
    package static let directory: String = {
        let path = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return (path as NSString).deletingLastPathComponent
    }()

    package static func path(of name: String) -> String { "\(directory)/\(name)" }
}
