// The key that every daemon of the tests is given is a canary: wherever else it is found, a test has failed. Each reply
// is searched as it arrives, each daemon's state and output when it goes.

package import Foundation
import Glibc

/// Looks for the canary.
package enum Canary {
    package static func isIn(_ bytes: Data) -> Bool { bytes.range(of: Data(RunningSimulator.key.utf8)) != nil }
    package static func isIn(_ text: String) -> Bool { text.contains(RunningSimulator.key) }

    /// Searches the files below a directory.
    ///
    /// - Parameters:
    ///   - directory: Searched with all that is below it.
    ///   - excluded: Directories in it where the key belongs.
    /// - Returns: The names of those that hold it.
    package static func files(below directory: String, except excluded: [String] = ["credentials"]) -> [String] {
        guard let walk = FileManager.default.enumerator(atPath: directory) else { return [] }
        var found: [String] = []
        while let name = walk.nextObject() as? String {
            guard !excluded.contains(where: { name.hasPrefix("\($0)/") }) else { continue }
            let path = "\(directory)/\(name)"
            // A FIFO or a socket has no bytes to be searched, and would be waited for.
            guard
                (try? FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType) == .typeRegular,
                let bytes = try? Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
            else { continue }
            if isIn(bytes) { found.append(name) }
        }
        return found.sorted()
    }

    /// Ends the whole test run when a daemon has left its key anywhere.
    static func requireNowhere(below directory: String, output: String) {
        let files = files(below: directory)
        precondition(files.isEmpty, "the key of a daemon is in its files \(files)")
        precondition(!isIn(output), "the key of a daemon is in what it said: \(output)")
    }
}
