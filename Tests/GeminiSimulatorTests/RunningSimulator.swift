// The built simulator as a process of its own, spoken to by curl: the tests see what any client sees.

import Foundation
import Testing

/// One answer as curl saw it.
struct Seen {
    /// curl's exit status: 0 a whole answer, 18 a cut body, 28 the time given is over, 52 nothing, 56 a reset, 60 a bad certificate.
    var exit: Int32
    var status: Int
    /// By lower-case name, the last of several.
    var headers: [String: String]
    var body: Data

    var text: String { String(decoding: body, as: UTF8.self) }

    var json: [String: Any] { (try? JSONSerialization.jsonObject(with: body)) as? [String: Any] ?? [:] }

    var errorMessage: String? { (json["error"] as? [String: Any])?["message"] as? String }

    /// The parts of the first candidate.
    var parts: [[String: Any]] {
        let candidate = (json["candidates"] as? [[String: Any]])?.first
        return (candidate?["content"] as? [String: Any])?["parts"] as? [[String: Any]] ?? []
    }

    /// The bytes of the parts' images, in order.
    var images: [Data] {
        parts.compactMap { ($0["inlineData"] as? [String: Any])?["data"] as? String }.compactMap {
            Data(base64Encoded: $0)
        }
    }
}

/// A simulator that runs until `stop`.
final class RunningSimulator {
    struct NotReady: Error {
        let output: String
    }

    let url: String
    let control: String
    let directory: URL
    let authority: String?
    private let process: Process
    private let input = Pipe()

    /// Starts one with a directory of its own and waits for its line.
    init(_ arguments: String..., directory given: URL? = nil) throws {
        let directory =
            given ?? FileManager.default.temporaryDirectory.appending(path: "simulator-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let output = Pipe()
        process = Process()
        process.executableURL = Self.executable
        process.arguments = ["--tls-directory", directory.path, "--exit-with-stdin"] + arguments
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        var line = Data()
        while !line.contains(UInt8(ascii: "\n")) {
            let piece = output.fileHandleForReading.availableData
            if piece.isEmpty { throw NotReady(output: String(decoding: line, as: UTF8.self)) }
            line += piece
        }
        let ready = try JSONSerialization.jsonObject(with: line) as? [String: Any]
        guard let url = ready?["url"] as? String, let control = ready?["control"] as? String else {
            throw NotReady(output: String(decoding: line, as: UTF8.self))
        }
        self.url = url
        self.control = control
        authority = ready?["ca"] as? String
        self.directory = directory
    }

    /// Beside the test bundle, where the build puts both.
    static var executable: URL {
        let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(filePath: bundle).deletingLastPathComponent().appending(path: "gemini-simulator")
    }

    /// Ends it by ending its input; returns its exit status.
    @discardableResult
    func stop() -> Int32 {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
        try? FileManager.default.removeItem(at: directory)
        if process.terminationReason != .exit {
            Issue.record("the simulator ended by signal \(process.terminationStatus)")
        }
        return process.terminationStatus
    }

    /// Ends it by a signal; returns its exit status.
    func terminate() -> Int32 {
        process.terminate()
        process.waitUntilExit()
        return process.terminationReason == .exit ? process.terminationStatus : -1
    }

    /// Sends one request by curl; a body makes it a POST.
    func send(
        _ url: String, body: String? = nil, headers: [String] = ["x-goog-api-key: simulator-key"],
        curl options: [String] = []
    ) throws -> Seen {
        let scratch = FileManager.default.temporaryDirectory.appending(path: "simulator-curl-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: scratch) }
        let sent = scratch.appending(path: "sent")
        let head = scratch.appending(path: "head")
        let received = scratch.appending(path: "received")
        var arguments = ["-s", "--max-time", "60", "-D", head.path, "-o", received.path]
        if let authority { arguments += ["--cacert", authority] }
        for header in headers { arguments += ["-H", header] }
        if let body {
            try Data(body.utf8).write(to: sent)
            arguments += ["-H", "content-type: application/json", "--data-binary", "@" + sent.path]
        }
        let curl = Process()
        curl.executableURL = URL(filePath: "/usr/bin/curl")
        curl.arguments = arguments + options + [url]
        curl.standardInput = FileHandle.nullDevice
        curl.standardOutput = FileHandle.nullDevice
        try curl.run()
        curl.waitUntilExit()
        let heads = (try? String(contentsOf: head, encoding: .utf8)) ?? ""
        let lines =
            heads.components(separatedBy: "\r\n\r\n").last { !$0.isEmpty }?.components(separatedBy: "\r\n") ?? []
        var fields: [String: String] = [:]
        for line in lines.dropFirst() {
            let sides = line.split(separator: ":", maxSplits: 1)
            if sides.count == 2 { fields[sides[0].lowercased()] = sides[1].trimmingCharacters(in: .whitespaces) }
        }
        return Seen(
            exit: curl.terminationStatus, status: lines.first.flatMap { Int($0.split(separator: " ")[1]) } ?? 0,
            headers: fields, body: (try? Data(contentsOf: received)) ?? Data())
    }

    /// Asks for a picture.
    func generate(
        _ prompt: String = "a cat", model: String = "gemini-3.1-flash-image", config: String = "{}",
        curl options: [String] = []
    ) throws -> Seen {
        let quoted = String(decoding: try JSONEncoder().encode(prompt), as: UTF8.self)
        return try send(
            "\(url)/models/\(model):generateContent",
            body: #"{"contents":[{"parts":[{"text":\#(quoted)}]}],"generationConfig":\#(config)}"#, curl: options)
    }

    /// Asks for a small picture under a directive.
    func generate(act: String, config: String = #"{"imageConfig":{"imageSize":"512"}}"#, curl: [String] = []) throws
        -> Seen
    {
        try generate("a cat {sim:\(act)}", config: config, curl: curl)
    }

    /// How the connection of one request ended for TLS: curl does not tell.
    func endOfConnection(act: String) throws -> String {
        let script = """
            import json, socket, ssl, sys
            url, authority, act = sys.argv[1:]
            port = int(url.split(":")[2].split("/")[0])
            context = ssl.create_default_context(cafile=authority)
            stream = context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=60),
                                         server_hostname="localhost", suppress_ragged_eofs=False)
            body = json.dumps({"contents": [{"parts": [{"text": "{sim:" + act + "}"}]}]}).encode()
            stream.sendall(b"POST /v1beta/models/gemini-3.1-flash-image:generateContent HTTP/1.1\\r\\nHost: localhost\\r\\n"
                           b"x-goog-api-key: simulator-key\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
            try:
                while stream.recv(65536): pass
                print("close_notify")
            except ssl.SSLEOFError:
                print("silent")
            """
        let python = Process()
        let output = Pipe()
        python.executableURL = URL(filePath: "/usr/bin/env")
        python.arguments = ["python3", "-c", script, url, authority ?? "", act]
        python.standardOutput = output
        try python.run()
        let said = output.fileHandleForReading.readDataToEndOfFile()
        python.waitUntilExit()
        return String(decoding: said, as: UTF8.self)
    }

    func rule(_ json: String) throws -> Seen { try send(control + "/rules", body: json, headers: []) }

    /// What was received, in order.
    func requests() throws -> [[String: Any]] {
        try send(control + "/requests", headers: []).json["requests"] as? [[String: Any]] ?? []
    }
}

/// Type and pixels read from a file's first bytes.
struct Header: Equatable, CustomStringConvertible {
    var type: String
    var width: Int
    var height: Int

    var description: String { "\(type) \(width)x\(height)" }

    init?(_ data: Data) {
        let bytes = [UInt8](data)
        func big(_ at: Int, _ count: Int) -> Int { bytes[at..<at + count].reduce(0) { $0 << 8 | Int($1) } }
        if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]), bytes.count >= 24 {
            self = Header(type: "png", width: big(16, 4), height: big(20, 4))
            return
        }
        guard bytes.starts(with: [0xFF, 0xD8]) else { return nil }
        var at = 2
        while at + 9 < bytes.count, bytes[at] == 0xFF {
            if bytes[at + 1] == 0xC0 {
                self = Header(type: "jpeg", width: big(at + 7, 2), height: big(at + 5, 2))
                return
            }
            at += 2 + big(at + 2, 2)
        }
        return nil
    }

    init(type: String, width: Int, height: Int) {
        self.type = type
        self.width = width
        self.height = height
    }
}
