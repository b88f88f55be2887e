// What a line is, and what a line is not (protocol section 1).

import Testing
import Wire

@Suite struct MessageTests {
    private func refusal(of line: String) -> Request.Refusal? {
        do throws(Request.Refusal) {
            _ = try Request(line: [UInt8](line.utf8))
            return nil
        } catch {
            return error
        }
    }

    @Test func aRequestIsRead() throws {
        let request = try Request(
            line: [UInt8](
                #"{"jsonrpc":"2.0","id":7,"method":"job.get","params":{"job":"x","n":[1,2.5,null,true]}}"#.utf8))
        #expect(request.id == .integer(7))
        #expect(request.method == "job.get")
        #expect(
            request.params == [
                "job": .string("x"), "n": .array([.integer(1), .number(2.5), .null, .bool(true)]),
            ])
    }

    @Test func aRequestWithoutIDIsANotification() throws {
        let request = try Request(line: [UInt8](#"{"jsonrpc":"2.0","method":"server.hello"}"#.utf8))
        #expect(request.id == nil)
        #expect(request.params == [:])
    }

    @Test func aNotificationIsOneWhateverItsParamsAre() throws {
        let request = try Request(line: [UInt8](#"{"jsonrpc":"2.0","method":"server.hello","params":[1]}"#.utf8))
        #expect(request.id == nil)
        #expect(request.params == [:])
    }

    @Test(arguments: [
        "{}", #"{"method":"m"}"#, #"{"jsonrpc":"1.0","method":"m"}"#, #"{"jsonrpc":"2.0"}"#,
        #"{"jsonrpc":"2.0","method":7}"#, #"{"jsonrpc":"2.0","method":"m","params":"x"}"#,
    ])
    func whatHasNoIDIsANotificationHoweverItIsOutOfShape(line: String) throws {
        #expect(try Request(line: [UInt8](line.utf8)).id == nil)
    }

    @Test func aStringIDIsKept() throws {
        let request = try Request(line: [UInt8](#"{"jsonrpc":"2.0","id":"a\u00e9/","method":"m"}"#.utf8))
        #expect(request.id == .string("aé/"))
    }

    @Test(arguments: [
        "", "{", "{]", "nonsense", #"{"a":1}x"#, "\u{FEFF}{}", #"{"id":1e999}"#, #"{"a":"\ud800"}"#,
        "{\"a\":\"\u{1}\"}",
        "{'a':1}", #"{"a":01}"#, "NaN",
    ])
    func whatIsNoJSONIsAParseErrorWithoutID(line: String) {
        let refused = refusal(of: line)
        #expect(refused?.error.kind == .parseError, "\(line)")
        #expect(refused?.id == nil)
    }

    @Test func badUTF8IsAParseError() {
        let lines: [[UInt8]] = [
            Array(#"{"a":""#.utf8) + [0xFF] + Array(#""}"#.utf8),
            Array(#"{"a":""#.utf8) + [0xC0, 0x80] + Array(#""}"#.utf8),
            [0x7B, 0x00, 0x7D, 0x00], [0xED, 0xA0, 0x80],
        ]
        for line in lines {
            #expect(throws: Request.Refusal.self) { try Request(line: line) }
        }
    }

    @Test func nestingIsTakenTo64AndNotTo65() {
        func nested(_ depth: Int) -> String {
            // The object and params are two of the levels.
            let inner = depth - 2
            return #"{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":"# + String(repeating: "[", count: inner)
                + String(repeating: "]", count: inner) + "}}"
        }
        #expect(refusal(of: nested(64)) == nil)
        #expect(refusal(of: nested(65))?.error.kind == .parseError)
    }

    @Test func moreValuesThanAnyRequestHasAreRefusedWithoutDecodingThem() {
        func values(_ count: Int) -> String {
            #"{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":["#
                + Array(repeating: "1", count: count).joined(separator: ",") + "]}}"
        }
        #expect(refusal(of: values(19_000)) == nil)
        #expect(refusal(of: values(21_000))?.error.kind == .tooLarge)
        #expect(refusal(of: values(21_000))?.id == .integer(1))
        #expect(refusal(of: values(21_000) + "}")?.error.kind == .parseError)
    }

    @Test func bracketsInsideStringsDoNotNest() {
        let text = String(repeating: "[{", count: 200)
        #expect(refusal(of: #"{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":"\"\#(text)"}}"#) == nil)
    }

    @Test(arguments: [
        (#"{"id":1,"method":"m"}"#, RequestID.integer(1)),
        (#"{"jsonrpc":"1.0","id":1,"method":"m"}"#, .integer(1)),
        (#"{"jsonrpc":2.0,"id":"x","method":"m"}"#, .string("x")),
        (#"{"jsonrpc":"2.0","id":1}"#, .integer(1)),
        (#"{"jsonrpc":"2.0","id":1,"method":7}"#, .integer(1)),
        (#"{"jsonrpc":"2.0","id":1,"method":"m","params":[1]}"#, .integer(1)),
        (#"{"jsonrpc":"2.0","id":1,"method":"m","params":"x"}"#, .integer(1)),
        (#"{"jsonrpc":"2.0","id":1,"method":"m","params":null}"#, .integer(1)),
    ])
    func whatIsNoRequestIsRefusedUnderItsID(line: String, id: RequestID) {
        let refused = refusal(of: line)
        #expect(refused?.error.kind == .invalidRequest)
        #expect(refused?.id == id)
    }

    @Test(arguments: ["null", "1.5", "[1]", "{}", "true"])
    func anIDThatIsNoneIsRefusedWithoutID(id: String) {
        let refused = refusal(of: #"{"jsonrpc":"2.0","id":\#(id),"method":"m"}"#)
        #expect(refused?.error.kind == .invalidRequest)
        #expect(refused?.id == nil)
    }

    @Test(arguments: ["[]", #"[{"jsonrpc":"2.0","id":1,"method":"m"}]"#, "7", #""x""#, "null", "true"])
    func whatIsNoObjectIsNoRequest(line: String) {
        #expect(refusal(of: line)?.error.kind == .invalidRequest)
    }

    @Test func answersAreExactLines() {
        #expect(
            String(
                decoding: Answer.success(
                    .integer(7), CancelJob.Result(job: JobID(rawValue: "j"), state: .sent, charged: .unknown)),
                as: UTF8.self)
                == #"{"id":7,"jsonrpc":"2.0","result":{"charged":"unknown","job":"j","state":"sent"}}"#)
        var error = WireError(
            .quotaDay, "the daily quota is used up", hint: "use --model lite", charged: .no, job: JobID(rawValue: "j"))
        error.resetsAt = Timestamp(milliseconds: 1_795_420_800_000)
        error.upstream = .init(httpStatus: 429, status: "RESOURCE_EXHAUSTED", message: "a/b")
        #expect(
            String(decoding: Answer.failure(.string("x"), error), as: UTF8.self)
                == #"{"error":{"code":-32000,"data":{"charged":"no","hint":"use --model lite","job":"j","kind":"quota_day","resetsAt":"2026-11-23T08:00:00Z","retryable":true,"upstream":{"httpStatus":429,"message":"a/b","reason":null,"status":"RESOURCE_EXHAUSTED"}},"message":"the daily quota is used up"},"id":"x","jsonrpc":"2.0"}"#
        )
        #expect(
            String(decoding: Answer.failure(nil, WireError(.parseError, "no")), as: UTF8.self)
                == #"{"error":{"code":-32700,"data":{"kind":"parse_error","retryable":false},"message":"no"},"id":null,"jsonrpc":"2.0"}"#
        )
    }

    @Test func aClientReadsWhatTheDaemonWrites() throws {
        let event = JobEvent(job: JobID(rawValue: "j"), state: .sent, attempt: 1, usuallySeconds: [8, 20])
        let line = event.line(for: .integer(3))
        #expect(
            String(decoding: line, as: UTF8.self)
                == #"{"jsonrpc":"2.0","method":"job.event","params":{"attempt":1,"job":"j","request":3,"state":"sent","usuallySeconds":[8,20]}}"#
        )
        guard case .event(let read) = try WireJSON.decode(Incoming<JobResult>.self, from: line) else {
            Issue.record("no event")
            return
        }
        #expect(read.state == .sent && read.request == .integer(3))
        let failure = Answer.failure(.integer(1), WireError(.notFound, "no such job", hint: "darkroom jobs"))
        guard case .failure(let id, let error) = try WireJSON.decode(Incoming<JobResult>.self, from: failure) else {
            Issue.record("no failure")
            return
        }
        #expect(id == .integer(1))
        #expect(error == WireError(.notFound, "no such job", hint: "darkroom jobs"))
    }

    @Test func anUnknownKindFromANewerDaemonIsRead() throws {
        let line = #"{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"m","data":{"kind":"from_the_future"}}}"#
        guard case .failure(_, let error) = try WireJSON.decode(Incoming<JobResult>.self, from: [UInt8](line.utf8))
        else {
            Issue.record("no failure")
            return
        }
        #expect(error.kind.rawValue == "from_the_future")
    }
}
