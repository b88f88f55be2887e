import Foundation
import Testing

@Suite struct LayoutTests {
    @Test func theTopLevelIsWhatItIsSaidToBe() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Repository.root.path)
            // What SwiftPM writes there is in no commit.
            .filter { !$0.hasPrefix(".") && $0 != "Package.resolved" }
        #expect(names.sorted() == ["Package.swift", "Packaging", "README.md", "Sources", "Tests", "systemd"])
    }

    @Test func everyScriptThatAPersonStartsCanBeStarted() {
        for path in ["Packaging/run", "Packaging/test", ".ci/run"] {
            #expect(FileManager.default.isExecutableFile(atPath: Repository.root.appending(path: path).path), "\(path)")
        }
    }

    /// A release binary ends at no fault point, whatever its environment says: what reads and kills is not compiled.
    @Test func faultPointsAreOfDebugBuildsAlone() throws {
        var isDebug = false
        var released: [Substring] = []
        for line in try Repository.text("Sources/Store/FaultPoint.swift").split(separator: "\n") {
            let text = line.drop { $0 == " " }
            if text == "#if DEBUG" { isDebug = true }
            if !isDebug { released.append(text) }
            if text == "#endif" { isDebug = false }
        }
        #expect(released.contains { $0.contains("func reach") })
        for word in ["getenv", "kill(", "import Glibc"] { #expect(!released.contains { $0.contains(word) }) }
    }

    /// Every promise of the README that names a test names one that exists.
    @Test func everyTestThatTheReadmeNamesExists() throws {
        let readme = try Repository.text("README.md")
        let promises = try #require(readme.split(separator: "\n## ").first { $0.hasPrefix("Promises") })
        let named = promises.matches(of: /`([a-z][A-Za-z0-9]*[A-Z][A-Za-z0-9]*)`/).map { String($0.output.1) }
        #expect(!named.isEmpty)
        let sources = try Repository.swiftFiles(under: "Tests").map { try Repository.text($0) }.joined()
        #expect(named.filter { !sources.contains("func \($0)(") } == [])
    }

    /// Every path in the README that is a link leads somewhere.
    @Test func everyLinkOfTheReadmeLeadsSomewhere() throws {
        let links = try Repository.text("README.md").matches(of: /\]\(([^)#]+)\)/).map { String($0.output.1) }
            .filter { !$0.contains("://") }
        #expect(!links.isEmpty)
        let root = Repository.root
        #expect(links.filter { !FileManager.default.fileExists(atPath: root.appending(path: $0).path) } == [])
    }
}
