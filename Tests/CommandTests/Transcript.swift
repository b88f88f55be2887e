// A transcript: what is typed, what the daemon is asked and answers, and everything that comes of it, compared whole.
//
//   # A reason; says nothing to the test.
//   : cat.png OLD            a file that is there before
//   ? image.generate {…}     the daemon is asked this; on the connection of before unless `-- ` came between; a key that
//                            the command made for itself reads KEY
//   & SKETCH                 the daemon gets this with it, as an open file
//   > {"result":{…}}         it answers this, and gives the texts in `"files"` as descriptors
//   ! {"job":"j1",…}         it notifies of this job event
//   --                       it closes the connection
//   $ darkroom status        what is typed; what the daemon does stands above it
//   1| …  2| …               standard output and standard error
//   : cat.jpg MEOW           a file that is there afterwards; all of them are named
//   = 0                      the exit status

import Foundation
import Synchronization
import TestKit
import Wire

struct Transcript: CustomStringConvertible {
    enum Step {
        case expect(method: String, params: JSONValue)
        case attachment(String)
        case answer([String: JSONValue], files: [String])
        case event(JobEvent)
        case close
    }

    /// One command and what comes of it.
    struct Scene {
        var steps: [Step] = []
        var before: [String: String] = [:]
        var command = ""
        /// The `1|`, `2|`, `:` and `=` lines.
        var outcome: [String] = []
    }

    let name: String
    let scenes: [Scene]

    var description: String { name }

    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
        "Transcripts")

    static var names: [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.filter { $0.hasSuffix(".txt") }.sorted()
    }

    struct Malformed: Error, CustomStringConvertible { let description: String }

    init(_ name: String) throws {
        self.name = name
        var scenes: [Scene] = []
        var scene = Scene()
        let text = try String(contentsOf: Self.folder.appendingPathComponent(name), encoding: .utf8)
        for line in text.split(separator: "\n", omittingEmptySubsequences: true).map(String.init) {
            let rest = String(line.dropFirst(2))
            switch line.prefix(1) {
            case "#": break
            case "$": scene.command = rest
            case ":" where scene.command.isEmpty:
                let words = rest.split(separator: " ", maxSplits: 1).map(String.init)
                scene.before[words[0]] = words[1]
            case "1", "2", ":": scene.outcome.append(line)
            case "=":
                scene.outcome.append(line)
                scenes.append(scene)
                scene = Scene()
            default: scene.steps.append(try Self.step(line, rest))
            }
        }
        self.scenes = scenes
    }

    private static func step(_ line: String, _ rest: String) throws -> Step {
        switch line.prefix(1) {
        case "?":
            let words = rest.split(separator: " ", maxSplits: 1).map(String.init)
            let params = words.count > 1 ? words[1] : "{}"
            return .expect(method: words[0], params: try WireJSON.decode(JSONValue.self, from: Array(params.utf8)))
        case ">":
            guard case .object(var message) = try WireJSON.decode(JSONValue.self, from: Array(rest.utf8)) else {
                throw Malformed(description: line)
            }
            var files: [String] = []
            if case .array(let texts)? = message.removeValue(forKey: "files") {
                files = texts.compactMap { if case .string(let text) = $0 { text } else { nil } }
            }
            return .answer(message, files: files)
        case "&": return .attachment(rest)
        case "!": return .event(try WireJSON.decode(JobEvent.self, from: Array(rest.utf8)))
        case "-": return .close
        default: throw Malformed(description: line)
        }
    }
}

extension Transcript.Scene {
    /// Plays the scene in a directory of its own.
    ///
    /// - Returns: What came of it, in the lines of a transcript.
    func play() throws -> [String] {
        let directory = try TemporaryDirectory()
        let work = directory.file("work")
        try FileManager.default.createDirectory(atPath: work, withIntermediateDirectories: false)
        for (name, text) in before { _ = try directory.write("work/\(name)", text) }
        let sessions = steps.split(omittingEmptySubsequences: false) { if case .close = $0 { true } else { false } }
        var daemon: ScriptedDaemon?
        if !steps.isEmpty {
            // The same key is the same name, another one another: KEY, KEY2, KEY3.
            let keys = Mutex<[JSONValue]>([])
            daemon = try ScriptedDaemon(directory.file("s")) { connection, number in
                guard sessions.indices.contains(number) else { return }
                try Self.perform(sessions[number], on: connection) { params in
                    keys.withLock { Self.named(params, &$0) }
                }
                if number == sessions.count - 1 { try connection.waitForEnd() }
            }
        }
        let output = try ChildProcess.run(
            "/bin/sh", ["-c", "cd \(work); \(command)"],
            environment: [
                "PATH": "\(BuiltProduct.directory):/usr/bin:/bin", "DARKROOM_SOCKET": directory.file("s"),
                "DARKROOM_ADMIN_SOCKET": directory.file("s"), "LC_ALL": "C",
            ])
        daemon?.stop()
        var lines = Self.marked("1|", output.standardOutput) + Self.marked("2|", output.standardError)
        for name in try FileManager.default.contentsOfDirectory(atPath: work).sorted() {
            lines.append(": \(name) \(try String(contentsOfFile: "\(work)/\(name)", encoding: .utf8))")
        }
        lines += (daemon?.trouble ?? []).map { "trouble: \($0)" }
        lines.append("= \(output.status)")
        return lines.map { $0.replacingOccurrences(of: directory.path, with: "DIR") }
    }

    private static func perform(
        _ steps: ArraySlice<Transcript.Step>, on connection: ScriptedConnection, _ named: (JSONValue) -> JSONValue
    ) throws {
        var request: ScriptedRequest?
        var attachments: [String] = []
        for step in steps {
            switch step {
            case .expect(let method, let params):
                let asked = try connection.receive()
                let given = named(asked.params)
                guard asked.method == method, given == params else {
                    let text = String(decoding: WireJSON.encode(given), as: UTF8.self)
                    throw Transcript.Malformed(description: "asked \(asked.method) \(text)")
                }
                request = asked
                attachments = asked.attachments
            case .attachment(let text):
                guard attachments.first == text else {
                    throw Transcript.Malformed(description: "got \(attachments.first ?? "no file")")
                }
                attachments.removeFirst()
            case .answer(var message, let files):
                guard attachments.isEmpty else {
                    throw Transcript.Malformed(description: "not expected: \(attachments)")
                }
                message["jsonrpc"] = .string("2.0")
                switch request?.id {
                case .integer(let id): message["id"] = .integer(id)
                case .string(let id): message["id"] = .string(id)
                case nil: message["id"] = .null
                }
                try connection.send(WireJSON.encode(message), files: files)
            case .event(let event):
                if let request { try connection.notify(request, event) }
            case .close: break
            }
        }
    }

    private static func named(_ params: JSONValue, _ keys: inout [JSONValue]) -> JSONValue {
        guard case .object(var members) = params, case .string(let key)? = members["idempotencyKey"],
            key.hasPrefix("auto-")
        else { return params }
        if !keys.contains(.string(key)) { keys.append(.string(key)) }
        let number = (keys.firstIndex(of: .string(key)) ?? 0) + 1
        members["idempotencyKey"] = .string(number == 1 ? "KEY" : "KEY\(number)")
        return .object(members)
    }

    private static func marked(_ mark: String, _ text: String) -> [String] {
        guard !text.isEmpty else { return [] }
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        if lines.last == "" { lines.removeLast() }
        return lines.map { $0.isEmpty ? mark : "\(mark) \($0)" }
    }
}
