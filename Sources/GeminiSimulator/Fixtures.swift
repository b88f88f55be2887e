// The recorded answers by name; fixtures.txt holds them as they are sent.

/// An answer that is sent as it stands.
struct Fixture: Sendable {
    let name: String
    let status: Int
    let contentType: String
    let text: String

    static let all: [String: Fixture] = parsed(String(decoding: PackageResources.fixtures_txt, as: UTF8.self))

    var reply: Reply { Reply(text: text, status: status, contentType: contentType) }

    /// The reply of that name.
    ///
    /// A name nobody knows is answered as an error of its own, so that a typing error in a rule cannot pass for a fault.
    static func reply(named name: String) -> Reply {
        all[name]?.reply ?? Control.mistake("no fixture is named \(name); GET /_simulator/fixtures lists them")
    }

    private static func parsed(_ file: String) -> [String: Fixture] {
        var fixtures: [String: Fixture] = [:]
        for section in file.split(separator: "\n=== ").dropFirst() {
            let lines = section.split(separator: "\n", maxSplits: 2, omittingEmptySubsequences: false)
            let title = lines[0].split(separator: " ", maxSplits: 2).map(String.init)
            guard lines.count > 1, title.count == 3, let status = Int(title[1]) else {
                preconditionFailure("fixtures.txt: malformed section \(lines[0])")
            }
            fixtures[title[0]] = Fixture(
                name: title[0], status: status, contentType: title[2], text: lines.count > 2 ? String(lines[2]) : "")
        }
        return fixtures
    }
}
