// Protocol section 1 at the built daemon: any line gets exactly what that section says.

import CAncillary
import Foundation
import Glibc
import TestKit
import Testing
import Wire

@Suite(.serialized) struct FramingTests {
    private let daemon: RunningDaemon

    init() throws {
        // No request of these tests goes upstream, so there is none: without a key the daemon serves, degraded.
        daemon = try RunningDaemon(configuration: nil, key: nil)
    }

    private static let hello = #"{"jsonrpc":"2.0","id":1,"method":"server.hello"}"#

    @Test func helloTellsBothSides() throws {
        let socket = try RawSocket(daemon.socket)
        let hello = try socket.call(1, "server.hello", #"{"client":"test"}"#).decode(Hello.Result.self)
        #expect(hello.protocol == 1)
        #expect(hello.server.name == "darkroomd")
        #expect(hello.you.uid == getuid() && hello.you.gid == getgid())
        #expect(hello.you.roles == ["client"])
        #expect(hello.maxLineBytes == 1_048_576 && hello.maxInputs == 14)
        #expect(hello.features.contains("fd"))
    }

    @Test func theAdminSocketKnowsRootAsAdmin() throws {
        let socket = try RawSocket(daemon.adminSocket)
        let hello = try socket.call(1, "server.hello").decode(Hello.Result.self)
        #expect(hello.you.roles.contains("admin") == (getuid() == 0))
    }

    @Test func aSplitLineIsOneLine() throws {
        let socket = try RawSocket(daemon.socket)
        for byte in Array(Self.hello.utf8) + [0x0A] { try socket.send([byte]) }
        #expect(try socket.receiveMessage()["id"] == .integer(1))
    }

    /// A line of whitespace alone is an empty one.
    @Test func pipelinedEmptyAndCRLFLinesAreTaken() throws {
        let socket = try RawSocket(daemon.socket)
        try socket.send(
            Array(
                "\n\r\n  \n\t \r\n\r\r\n\(Self.hello)\r\n\n\(Self.hello.replacingOccurrences(of: ":1,", with: ":2,")) \r\n"
                    .utf8))
        let ids = try [socket.receiveMessage()["id"], socket.receiveMessage()["id"]]
        #expect(Set(ids) == [.integer(1), .integer(2)])
    }

    @Test(arguments: [
        ("not json", JSONValue.null, "parse_error", -32700),
        ("{\"a\":\"\u{1}\"}", .null, "parse_error", -32700),
        ("[]", .null, "invalid_request", -32600),
        (#"[{"jsonrpc":"2.0","id":1,"method":"server.hello"}]"#, .null, "invalid_request", -32600),
        (#"{"id":1,"method":"server.hello"}"#, .integer(1), "invalid_request", -32600),
        (#"{"jsonrpc":"2.0","id":null,"method":"server.hello"}"#, .null, "invalid_request", -32600),
        (#"{"jsonrpc":"2.0","id":1.5,"method":"server.hello"}"#, .null, "invalid_request", -32600),
        (#"{"jsonrpc":"2.0","id":[1],"method":"server.hello"}"#, .null, "invalid_request", -32600),
        (#"{"jsonrpc":"2.0","id":"x","method":"server.hello","params":[]}"#, .string("x"), "invalid_request", -32600),
        (#"{"jsonrpc":"2.0","id":"x","method":"server.helo"}"#, .string("x"), "unknown_method", -32601),
        (#"{"jsonrpc":"2.0","id":3,"method":"job.get","params":{}}"#, .integer(3), "invalid_params", -32602),
        (
            #"{"jsonrpc":"2.0","id":3,"method":"job.get","params":{"job":"x","jobb":1}}"#, .integer(3),
            "invalid_params", -32602
        ),
        (
            #"{"jsonrpc":"2.0","id":3,"method":"job.get","params":{"job":"nosuchjob"}}"#, .integer(3), "not_found",
            -32000
        ),
    ])
    func whatIsWrongIsAnsweredAndTheConnectionLivesOn(line: String, id: JSONValue, kind: String, code: Int64) throws {
        let socket = try RawSocket(daemon.socket)
        try socket.send(line)
        let answer = try socket.receiveMessage()
        #expect(answer["jsonrpc"] == .string("2.0"))
        #expect(answer["id"] == id)
        guard case .object(let error)? = answer["error"], case .object(let data)? = error["data"] else {
            Issue.record("no error: \(answer)")
            return
        }
        #expect(error["code"] == .integer(code))
        #expect(data["kind"] == .string(kind))
        try socket.send(Self.hello)
        #expect(try socket.receiveMessage()["id"] == .integer(1))
    }

    @Test func badUTF8IsAParseErrorAndTheConnectionLivesOn() throws {
        let socket = try RawSocket(daemon.socket)
        try socket.send([0x7B, 0xFF, 0x7D, 0x0A])
        #expect(try socket.receiveMessage()["id"] == .null)
        try socket.send(Self.hello)
        #expect(try socket.receiveMessage()["id"] == .integer(1))
    }

    @Test func aLineOfExactlyTheLimitIsTakenAndOneByteMoreIsAnsweredThenClosed() throws {
        func line(_ count: Int) -> [UInt8] {
            let head = Array(#"{"jsonrpc":"2.0","id":1,"method":"server.hello","params":{"client":""#.utf8)
            let tail = Array(#""}}"#.utf8)
            return head + [UInt8](repeating: UInt8(ascii: "x"), count: count - head.count - tail.count) + tail + [0x0A]
        }
        let socket = try RawSocket(daemon.socket)
        try socket.send(line(1_048_576))
        #expect(try socket.receiveMessage()["result"] != nil)
        try socket.send(line(1_048_577))
        let answer = try socket.receiveMessage()
        #expect(answer["id"] == .null)
        guard case .object(let error)? = answer["error"], case .object(let data)? = error["data"] else {
            Issue.record("no error: \(answer)")
            return
        }
        #expect(error["code"] == .integer(-32600) && data["kind"] == .string("line_too_long"))
        #expect(try socket.receive() == nil)
    }

    @Test func aNotificationIsNeverAnswered() throws {
        let socket = try RawSocket(daemon.socket)
        try socket.send(#"{"jsonrpc":"2.0","method":"server.hello"}"#)
        try socket.send(#"{"jsonrpc":"2.0","method":"no.such.method"}"#)
        // Whatever else is wrong with it.
        for line in [
            "{}", #"{"method":"server.hello"}"#, #"{"jsonrpc":"1.0","method":"server.hello"}"#,
            #"{"jsonrpc":"2.0","method":7}"#, #"{"jsonrpc":"2.0","method":"server.hello","params":[1]}"#,
            #"{"jsonrpc":"2.0","method":"image.generate","params":{"prompt":"p","wait":false}}"#,
        ] {
            try socket.send(line)
        }
        try socket.send(Self.hello)
        #expect(try socket.receiveMessage()["id"] == .integer(1))
        #expect(try socket.call(2, "job.list").decode(ListJobs.Result.self).jobs == [])
        socket.finishWriting()
        #expect(try socket.receive() == nil)
    }

    @Test func aClientThatHalfClosesGetsEveryAnswerAndThenTheEnd() throws {
        let socket = try RawSocket(daemon.socket)
        for id in 0..<20 { try socket.send(#"{"jsonrpc":"2.0","id":\#(id),"method":"server.status"}"#) }
        socket.finishWriting()
        var ids: Set<JSONValue> = []
        for _ in 0..<20 {
            let message = try socket.receiveMessage()
            ids.insert(message["id"] ?? .null)
        }
        #expect(ids == Set((0..<20).map { .integer(Int64($0)) }))
        #expect(try socket.receive() == nil)
    }

    @Test func descriptorsThatNobodyNamedAreClosedAndTheConnectionLivesOn() throws {
        let socket = try RawSocket(daemon.socket)
        func openInDaemon() throws -> Int {
            try daemon.openDescriptorCount()
        }
        _ = try socket.call(1, "server.hello")
        let before = try openInDaemon()
        let file = unsafe open("/dev/null", O_RDONLY)
        defer { close(file) }
        for id in 2..<12 {
            try socket.send(
                #"{"jsonrpc":"2.0","id":\#(id),"method":"server.hello"}"#,
                descriptors: [Int32](repeating: file, count: 25))
            #expect(try socket.receiveMessage()["id"] == .integer(Int64(id)))
        }
        #expect(try openInDaemon() == before)
    }

    @Test func everyMethodOfThisVersionIsThereAndNoOther() throws {
        let socket = try RawSocket(daemon.socket)
        for name in [
            "server.hello", "server.status", "image.generate", "job.get", "job.list", "job.wait", "job.cancel",
            "artifact.open", "model.list",
        ] {
            let kind = try socket.call(1, name).error?.kind
            #expect(kind != .unknownMethod, "\(name)")
        }
    }

    @Test func theModelsOfTheCatalogueAreListed() throws {
        let socket = try RawSocket(daemon.socket)
        let models = try socket.call(1, "model.list").decode(ListModels.Result.self).models
        #expect(
            models.filter { $0.state == .current }.map(\.id).sorted() == [
                "gemini-2.5-flash-image", "gemini-3-pro-image", "gemini-3.1-flash-image", "gemini-3.1-flash-lite-image",
                "gemini-nano-banana-2.1",
            ])
        let preview = try #require(models.first { $0.id == "gemini-3-pro-image-preview" })
        #expect(preview.state == .retired && preview.successor == "gemini-3-pro-image")
    }
}
