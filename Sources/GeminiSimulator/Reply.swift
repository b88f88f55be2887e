// What goes back to a client: a status, headers and a body in pieces; and the API's form of an error.

import NIOCore

struct Reply: Sendable {
    var status: Int
    var headers: [(name: String, value: String)] = []
    var body: [ByteBuffer] = []
    /// How long the API usually takes for it; 0 for everything but pictures.
    var usualMilliseconds = 0

    var bodyBytes: Int { body.reduce(0) { $0 + $1.readableBytes } }

    init(status: Int, headers: [(name: String, value: String)] = [], body: [ByteBuffer] = []) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    init(json: JSON, status: Int = 200, layout: JSONLayout = .pretty) {
        self.init(
            status: status, headers: Self.headers(of: "application/json; charset=UTF-8"), body: json.written(layout))
    }

    init(text: String, status: Int, contentType: String) {
        self.init(status: status, headers: Self.headers(of: contentType), body: [ByteBuffer(string: text)])
    }

    /// The headers that stand on the API's answers.
    static func headers(of contentType: String) -> [(name: String, value: String)] {
        [
            ("Content-Type", contentType), ("Vary", "Origin"), ("Vary", "X-Origin"), ("Vary", "Referer"),
            ("Server", "scaffolding on HTTPServer2"), ("X-XSS-Protection", "0"), ("X-Frame-Options", "SAMEORIGIN"),
            ("X-Content-Type-Options", "nosniff"),
        ]
    }
}

/// An answer that is an error, in the form of `google.rpc.Status`.
struct Refusal: Error, Sendable {
    var status: Int
    /// The name of the code, such as `INVALID_ARGUMENT`.
    var code: String
    var message: String
    var details: [JSON] = []

    static func invalidArgument(_ message: String) -> Refusal {
        Refusal(status: 400, code: "INVALID_ARGUMENT", message: message)
    }

    var reply: Reply {
        var error: [JSON.Member] = [
            .init(name: "code", value: .integer(status)), .init(name: "message", value: .string(message)),
            .init(name: "status", value: .string(code)),
        ]
        if !details.isEmpty { error.append(.init(name: "details", value: .array(details))) }
        return Reply(json: ["error": .object(error)], status: status)
    }
}
