// The built simulator spoken to by curl: the tests see what any client sees.

import Foundation
import TestKit

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

extension RunningSimulator {
    /// Sends one request by curl; a body makes it a POST.
    func send(
        _ url: String, body: String? = nil, headers: [String] = ["x-goog-api-key: simulator-key"],
        curl options: [String] = []
    ) throws -> Seen {
        let scratch = try TemporaryDirectory()
        let head = scratch.file("head")
        let received = scratch.file("received")
        var arguments = ["-s", "--max-time", "60", "-D", head, "-o", received]
        if !caFile.isEmpty { arguments += ["--cacert", caFile] }
        for header in headers { arguments += ["-H", header] }
        if let body {
            let sent = try scratch.write("sent", body)
            arguments += ["-H", "content-type: application/json", "--data-binary", "@" + sent]
        }
        let exit = try ChildProcess.run("/usr/bin/curl", arguments + options + [url]).status
        let heads = (try? String(contentsOfFile: head, encoding: .utf8)) ?? ""
        let lines =
            heads.components(separatedBy: "\r\n\r\n").last { !$0.isEmpty }?.components(separatedBy: "\r\n") ?? []
        var fields: [String: String] = [:]
        for line in lines.dropFirst() {
            let sides = line.split(separator: ":", maxSplits: 1)
            if sides.count == 2 { fields[sides[0].lowercased()] = sides[1].trimmingCharacters(in: .whitespaces) }
        }
        return Seen(
            exit: exit, status: lines.first.flatMap { Int($0.split(separator: " ")[1]) } ?? 0,
            headers: fields, body: FileManager.default.contents(atPath: received) ?? Data())
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
            # Built with OpenSSL 3, Python asks for both ends to look alike (ssl, OP_IGNORE_UNEXPECTED_EOF).
            context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
            stream = context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=60),
                                         server_hostname="localhost", suppress_ragged_eofs=False)
            body = json.dumps({"contents": [{"parts": [{"text": "{sim:" + act + "}"}]}]}).encode()
            stream.sendall(b"POST /v1beta/models/gemini-3.1-flash-image:generateContent HTTP/1.1\\r\\nHost: localhost\\r\\n"
                           b"x-goog-api-key: simulator-key\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
            try:
                while stream.recv(65536): pass
                print("close_notify")
            except ssl.SSLError as error:
                # Python 3.11.2 has no SSLEOFError for it.
                is_end = isinstance(error, ssl.SSLEOFError) or error.reason == "UNEXPECTED_EOF_WHILE_READING"
                print("silent" if is_end else error)
            """
        return try ChildProcess.python(script, url, caFile, act)
    }

    func rule(_ json: String) throws -> Seen { try send(control + "/rules", body: json, headers: []) }

    /// What was received, in order.
    func records() throws -> [[String: Any]] {
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
