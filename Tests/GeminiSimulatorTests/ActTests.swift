// Every fault on command, by what a client sees of it.

import Foundation
import Testing
import TestKit

struct ActTests {
    @Test(arguments: [
        ("api-key-invalid", 400), ("quota-minute", 429), ("quota-day", 429), ("limit-zero", 429), ("overloaded", 503),
        ("internal", 500), ("image-other", 200), ("image-safety", 200), ("prompt-blocked", 200), ("leaked", 403),
        ("bad-gateway", 502), ("empty-503", 503), ("deadline-504", 504),
    ])
    func aFixtureIsAnsweredByItsName(_ name: String, _ status: Int) throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let seen = try simulator.generate(act: #"{"fixture":"\#(name)"}"#)
        #expect(seen.status == status)
        #expect(seen.parts.isEmpty)
    }

    @Test func everyFixtureIsWhatItsNameSays() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let names = try simulator.send(simulator.control + "/fixtures").json["fixtures"] as? [String] ?? []
        #expect(names.count == 55)
        for name in names {
            let seen = try simulator.generate(act: #"{"fixture":"\#(name)"}"#)
            let isJSON = seen.headers["content-type"] == "application/json; charset=UTF-8"
            #expect(isJSON == ((try? JSONSerialization.jsonObject(with: seen.body)) != nil), "\(name)")
        }
    }

    @Test func anyStatusBodyAndHeadersCanBeSent() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let seen = try simulator.generate(
            act: #"{"status":418,"body":"short","contentType":"text/x-tea","headers":{"X-Pot":"tea"}}"#)
        #expect(seen.status == 418)
        #expect(seen.text == "short")
        #expect([seen.headers["content-type"], seen.headers["x-pot"]] == ["text/x-tea", "tea"])
    }

    @Test func aRedirectNamesItsPlace() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let seen = try simulator.generate(act: #"{"redirect":"https://other.invalid/"}"#)
        #expect(seen.status == 302)
        #expect(seen.headers["location"] == "https://other.invalid/")
    }

    @Test func anErrorCanEchoTheKey() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let seen = try simulator.generate(act: #"{"echoKey":true}"#)
        #expect(seen.errorMessage == "Permission denied: Consumer 'api_key:simulator-key' has been suspended.")
    }

    @Test func aLyingContentEncodingCannotBeDecoded() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let seen = try simulator.generate(act: #"{"contentEncodingLie":true}"#, curl: ["--compressed"])
        // curl(1): 61, bad content encoding.
        #expect(seen.exit == 61)
    }

    @Test func aBodyIsFramedByChunksOrByItsLength() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let chunked = try simulator.generate(act: "{}")
        #expect(chunked.headers["transfer-encoding"] == "chunked")
        let counted = try simulator.generate(act: #"{"contentLength":true,"chunkBytes":1000}"#)
        #expect(counted.headers["content-length"] == String(counted.body.count))
        #expect(counted.images == chunked.images && counted.images.count == 1)
    }

    @Test func aBodyCutAtAByteEndsThere() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        for act in [
            #"{"closeAfterBytes":1000}"#, #"{"closeAfterBytes":1000,"closeNotify":true}"#,
            #"{"closeAfterBytes":1000,"contentLength":true}"#,
        ] {
            let seen = try simulator.generate(act: act)
            #expect(seen.status == 200)
            #expect(seen.body.count == 1000, "\(act)")
            #expect([18, 56].contains(seen.exit), "\(act)")
        }
    }

    @Test func aConnectionCanEndInPlaceOfTheHead() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        #expect(try simulator.generate(act: #"{"closeBeforeHead":true}"#).exit == 52)
    }

    @Test(arguments: [
        (#"{"closeBeforeHead":true}"#, "silent\n"), (#"{"closeBeforeHead":true,"closeNotify":true}"#, "close_notify\n"),
        (#"{"closeAfterBytes":10}"#, "silent\n"), (#"{"closeAfterBytes":10,"closeNotify":true}"#, "close_notify\n"),
    ])
    func aCutIsSilentUnlessTLSIsToSayGoodbye(_ act: String, _ end: String) throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        #expect(try simulator.endOfConnection(act: act) == end)
    }

    @Test func aResetIsSeenAsOneAndTheBodyStaysUnread() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        _ = try simulator.rule(#"{"match":{"path":"generateContent"},"do":{"resetBeforeRead":true}}"#)
        let seen = try simulator.generate()
        #expect([35, 55, 56].contains(seen.exit))
        #expect(try simulator.records().map { $0["bodyBytes"] as? Int } == [0])
    }

    @Test func anAnswerCanComeBeforeTheBodyIsRead() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        _ = try simulator.rule(#"{"do":{"answerBeforeBody":true,"fixture":"overloaded"}}"#)
        let seen = try simulator.generate(String(repeating: "long ", count: 100_000))
        #expect(seen.status == 503)
        #expect(try simulator.records().map { $0["bodyBytes"] as? Int } == [0])
    }

    @Test func silenceLastsUntilTheClientGoesAndIsRecordedSo() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let seen = try simulator.generate(act: #"{"neverAnswer":true}"#, curl: ["--max-time", "0.3"])
        #expect(seen.exit == 28)
        var record: [String: Any]?
        // The end of the connection is noticed soon after, not at once.
        for _ in 0..<500 where record?["finished"] as? Bool != true { record = try simulator.records().first }
        #expect(record?["clientLeft"] as? Bool == true)
        #expect(record?["status"] is NSNull)
    }

    @Test func silencesAddUpAsAsked() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let start = ContinuousClock.now
        let act =
            #"{"latencyMilliseconds":100,"bodyLatencyMilliseconds":100,"chunkBytes":3,"chunkDelayMilliseconds":50,"body":"sixsix"}"#
        #expect(try simulator.generate(act: act).text == "sixsix")
        // A lower bound only: it cannot be late, however slow the machine.
        #expect(ContinuousClock.now - start >= .milliseconds(300))
    }

    @Test func aMistypedDirectiveIsAnErrorOfItsOwn() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        #expect(try simulator.generate(act: #"{"latency":5}"#).status == 422)
        #expect(try simulator.generate("x {sim:{").status == 422)
        #expect(try simulator.generate(act: #"{"fixture":"nothing"}"#).status == 422)
        #expect(try simulator.rule(#"{"do":{"answer":{"colour":1}}}"#).text.contains("do.answer.colour"))
    }
}
