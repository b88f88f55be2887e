import Foundation
import Testing
import TestKit

/// One manual page, as far as its macros tell what it is about.
private struct Manual {
    let path: String
    private let lines: [String]

    init(_ name: String) throws {
        path = "Packaging/man/\(name)"
        lines = try Repository.text(path).split(separator: "\n").map(String.init)
    }

    /// Every option of a subsection, or of the page outside of all subsections, as `--seed` or `-q`.
    func options(of subsection: String? = nil) -> Set<String> {
        var current: String?
        var options: Set<String> = []
        for line in lines {
            if line.hasPrefix(".Sh ") { current = nil }
            if line.hasPrefix(".Ss ") { current = String(line.dropFirst(4)) }
            guard line.hasPrefix(".It Fl "), current == subsection else { continue }
            let words = line.split(separator: " ")
            for (word, next) in zip(words, words.dropFirst()) where word == "Fl" { options.insert("-\(next)") }
        }
        return options
    }

    /// The tags of the lists in a section, with the line below each.
    func entries(of section: String) -> [String: String] {
        var entries: [String: String] = [:]
        guard let start = lines.firstIndex(of: ".Sh \(section)") else { return [:] }
        var tag: String?
        for line in lines[(start + 1)...].prefix(while: { !$0.hasPrefix(".Sh ") }) {
            if line.hasPrefix(".It ") {
                tag = String(line.dropFirst(4))
                entries[tag ?? "", default: ""] = ""
            } else if let tag, !line.hasPrefix(".") {
                entries[tag] = [entries[tag] ?? "", line].filter { !$0.isEmpty }.joined(separator: " ")
            }
        }
        return entries
    }

    /// The words of `.It Ic`.
    var keys: Set<String> { Set(lines.filter { $0.hasPrefix(".It Ic ") }.map { String($0.dropFirst(7)) }) }

    var subsections: Set<String> { Set(lines.filter { $0.hasPrefix(".Ss ") }.map { String($0.dropFirst(4)) }) }
}

/// What ArgumentParser knows of a program: `--experimental-dump-help`.
private struct Help: Decodable {
    struct Command: Decodable {
        let commandName: String
        let subcommands: [Command]?
        let arguments: [Argument]?

        /// Every command that can be run, with its words.
        func leaves(_ words: [String] = []) -> [(words: [String], command: Command)] {
            let parts = (subcommands ?? []).filter { $0.commandName != "help" }
            guard !parts.isEmpty else { return [(words, self)] }
            return parts.flatMap { $0.leaves(words + [$0.commandName]) }
        }

        var options: Set<String> {
            Set(
                (arguments ?? []).filter { $0.kind != "positional" && $0.shouldDisplay }
                    .flatMap { $0.names ?? [] }.map { $0.kind == "short" ? "-\($0.name)" : "--\($0.name)" })
        }
    }

    struct Argument: Decodable {
        struct Name: Decodable {
            let kind: String
            let name: String
        }
        let kind: String
        let shouldDisplay: Bool
        let names: [Name]?
    }

    let command: Command

    init(of program: String) throws {
        let output = try ChildProcess.run(BuiltProduct.path(of: program), ["--experimental-dump-help"])
        try #require(output.status == 0, "\(output)")
        self = try JSONDecoder().decode(Help.self, from: Data(output.standardOutput.utf8))
    }
}

@Suite struct ManualTests {
    static let pages = ["darkroom.1", "darkroomd.8", "darkroom.toml.5", "darkroom-protocol.7"]
    private static let mandoc = Tool("mandoc")

    @Test(.enabled(if: mandoc.isInstalled, "mandoc is not installed"), arguments: pages)
    func mandocHasNothingToSay(page: String) throws {
        let outcome = try Self.mandoc.run(
            ["-Tlint", "-Wwarning", Repository.root.appending(path: "Packaging/man/\(page)").path])
        #expect(outcome == ChildProcess.Output(status: 0, standardOutput: "", standardError: ""))
    }

    /// What the image is to be stands once, with `generate`; the other commands that make images refer to it.
    @Test func everyOptionOfTheCommandIsInItsManualAndNoOther() throws {
        let manual = try Manual("darkroom.1")
        let root = try Help(of: "darkroom").command
        let shared = root.options
        #expect(manual.options() == shared)
        let leaves = root.leaves()
        #expect(manual.subsections == Set(leaves.map { "darkroom \($0.words.joined(separator: " "))" }))
        let image = try #require(leaves.first { $0.words == ["price"] }).command.options.subtracting(shared)
        #expect(image.contains("--seed") && image.contains("--input"))
        for (words, command) in leaves {
            let name = words.joined(separator: " ")
            var expected = command.options.subtracting(shared)
            if name != "generate", expected.isSuperset(of: image) { expected.subtract(image) }
            #expect(manual.options(of: "darkroom \(name)") == expected, "\(name)")
        }
    }

    @Test func everyOptionOfTheDaemonIsInItsManualAndNoOther() throws {
        #expect(try Manual("darkroomd.8").options() == Help(of: "darkroomd").command.options)
    }

    /// The configuration's readers take each key by its name, written out.
    @Test func everyKeyOfTheConfigurationIsInItsManualAndNoOther() throws {
        #expect(try Manual("darkroom.toml.5").keys == Self.keysOfTheReader())
    }

    @Test func everyKeyOfTheConfigurationIsInTheShippedExampleAndNoOther() throws {
        let example = try Repository.text("Packaging/darkroom.toml").split(separator: "\n")
        let keys = example.compactMap { $0.firstMatch(of: #/^#([a-z0-9_]+) = /#).map { String($0.output.1) } }
        #expect(try Set(keys) == Self.keysOfTheReader())
        // As it is shipped it says nothing, so that the defaults are the daemon's own.
        #expect(example.allSatisfy { $0.hasPrefix("#") })
    }

    @Test func everyMetricIsInTheManualOfTheDaemonAndNoOther() throws {
        let source = try Repository.text("Sources/darkroomd/Metrics/MetricFamily.swift")
        let families = source.matches(of: /name: "(darkroom_[a-z_]+)", kind: \.([a-z]+),\s*help: "([^"]+)"/)
        let suffixes = ["counter": "_total", "info": "_info"]
        let metrics = families.map { family in
            ("Li \(family.output.1)\(suffixes[String(family.output.2)] ?? "")", String(family.output.3))
        }
        #expect(metrics.count > 15)
        let named = Dictionary(metrics) { first, _ in first }
        #expect(try Manual("darkroomd.8").entries(of: "METRICS") == named)
    }

    private static func keysOfTheReader() throws -> Set<String> {
        let reading = /(?:reader|limits|spend)\.(?:string|strings|integer|number|bool|token)\(\s*"([a-z0-9_]+)"/
        let sources = try Repository.swiftFiles(under: "Sources/darkroomd/Configuration")
        let keys = try sources.flatMap { try Repository.text($0).matches(of: reading).map { String($0.output.1) } }
        #expect(keys.count > 40)
        return Set(keys)
    }

    @Test func theExitStatusesAreTheSameInHelpManualAndReadme() throws {
        let output = try ChildProcess.run(BuiltProduct.path(of: "darkroom"), ["--help"])
        let table = try #require(output.standardOutput.split(separator: "Exit statuses:\n").last)
        var help: [(number: String, meaning: String)] = []
        for line in table.split(separator: "\n", omittingEmptySubsequences: false).prefix(while: { !$0.isEmpty }) {
            if let row = line.wholeMatch(of: /\ *([0-9]+)\ \ (.*)/) {
                help.append((String(row.output.1), String(row.output.2)))
            } else if let last = help.popLast() {
                help.append((last.number, "\(last.meaning) \(line.drop { $0 == " " })"))
            }
        }
        #expect(help.count > 15)
        let statuses = Dictionary(uniqueKeysWithValues: help.map { ($0.number, $0.meaning) })
        #expect(try Manual("darkroom.1").entries(of: "EXIT STATUS") == statuses)
        let rows = try Repository.text("README.md").matches(of: /\n\| ([0-9]+) \| ([^|\n]+) \|(?=\n)/)
        let readme = rows.map { (String($0.output.1), String($0.output.2)) }
        #expect(readme.count == statuses.count)
        #expect(Dictionary(readme, uniquingKeysWith: { $1 }) == statuses)
    }

    @Test(arguments: [("bash", ["-n"]), ("zsh", ["-n"]), ("fish", ["--no-execute"])])
    func theCompletionsThatTheCommandMakesAreScripts(shell: String, check: [String]) throws {
        let output = try ChildProcess.run(
            BuiltProduct.path(of: "darkroom"), ["--generate-completion-script", shell])
        #expect(output.status == 0 && output.standardError == "", "\(output)")
        #expect(output.standardOutput.contains("refine"))
        let directory = try TemporaryDirectory()
        let script = try directory.write("darkroom.\(shell)", output.standardOutput)
        let outcome = try Tool(shell).run(check + [script])
        #expect(outcome == ChildProcess.Output(status: 0, standardOutput: "", standardError: ""))
    }

    /// Asked as the shell asks when somebody presses Tab.
    @Test(arguments: [
        ("darkroom gen", ["generate"]), ("darkroom admin pa", ["pause"]), ("darkroom generate --dea", ["--deadline"]),
        ("darkroom generate --size 1", ["1K"]), ("darkroom generate --thinking m", ["medium", "minimal"]),
    ])
    func theShellsCompleteWhatWasBegun(line: String, words: [String]) throws {
        let directory = try TemporaryDirectory()
        func script(_ shell: String) throws -> String {
            let made = try ChildProcess.run(
                BuiltProduct.path(of: "darkroom"), ["--generate-completion-script", shell])
            return try directory.write("darkroom.\(shell)", made.standardOutput)
        }
        let bash = """
            source \(try script("bash"))
            read -ra COMP_WORDS <<<"$1"
            COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$1 COMP_POINT=${#1}
            _darkroom darkroom "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
            printf '%s\\n' "${COMPREPLY[@]}"
            """
        let asked = try Tool("bash").run(["-c", bash, "bash", line])
        #expect(asked.standardOutput.split(separator: "\n").map(String.init).sorted() == words, "\(asked)")
        let fish = try Tool("fish").run(["-N", "-c", "source \(script("fish")); complete -C '\(line)'"])
        let offered = fish.standardOutput.split(separator: "\n").compactMap { $0.split(separator: "\t").first }
        #expect(offered.map(String.init).sorted() == words, "\(fish)")
    }
}
