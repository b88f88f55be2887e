// What an admin and a scraper can ask of a running daemon about its record and its counters.

import Foundation
import TestKit
import Testing
import Wire

@Suite(.serialized) struct RecordTests {
    private let simulator: RunningSimulator
    private let daemon: RunningDaemon
    private let admin: RawSocket
    private let client: RawSocket

    init() throws {
        simulator = try RunningSimulator()
        daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
        admin = try RawSocket(daemon.adminSocket)
        client = try RawSocket(daemon.socket)
    }

    @Test func theChainIsWholeAndItsHeadIsItsLastRow() throws {
        _ = try client.call(1, "image.generate", #"{"prompt":"p","delivery":"none"}"#).decode(JobResult.self)
        let head = try admin.call(2, "audit.head").decode(ReadAuditHead.Result.self)
        let verdict = try admin.call(3, "audit.verify").decode(VerifyAudit.Result.self)
        #expect(verdict == VerifyAudit.Result(ok: true, rows: head.sequence, firstBroken: nil))
        #expect(head.hash.wholeMatch(of: /[0-9a-f]{64}/) != nil)
    }

    @Test func anEditedRowIsTheFirstBrokenOne() throws {
        _ = try client.call(1, "image.generate", #"{"prompt":"p","delivery":"none"}"#).decode(JobResult.self)
        _ = try ChildProcess.python(
            """
            import sqlite3, sys
            base = sqlite3.connect(sys.argv[1], isolation_level=None)
            base.execute("UPDATE audit SET uid = 1 WHERE sequence = 4")
            """, daemon.directory.file("state/darkroom.sqlite"))
        let verdict = try admin.call(2, "audit.verify").decode(VerifyAudit.Result.self)
        #expect(!verdict.ok && verdict.firstBroken == 4)
    }

    @Test func theRecordNamesTheProgramThatAsked() throws {
        _ = try client.call(1, "image.generate", #"{"prompt":"p","delivery":"none"}"#).decode(JobResult.self)
        #expect(try client.call(2, "server.reload").error?.kind == .notPermitted)
        let programs = try ChildProcess.python(
            """
            import json, sqlite3, sys
            for event, row in sqlite3.connect(sys.argv[1]).execute("SELECT event, details FROM audit ORDER BY sequence"):
                if event in ("accepted", "sent", "ended", "denied"):
                    print(event, "executable" in json.loads(row or "{}"))
            """, daemon.directory.file("state/darkroom.sqlite"))
        #expect(programs == "accepted True\nsent False\nended False\ndenied True\n")
        #expect(try admin.call(3, "audit.verify").decode(VerifyAudit.Result.self).ok)
    }

    @Test func whoHasNoMoneyIsOnRecordOnceInAWhileAndWhoMayNotEachTime() throws {
        let rule = "[[rule]]\nsocket = \"api\"\nper_day = 0.001\nmax_count = 2\n"
        _ = try daemon.directory.write(
            "darkroom.toml", RunningDaemon.configuration(simulator, project: rule), mode: 0o644)
        #expect(try admin.call(1, "server.reload").error == nil)
        for id in 2..<5 {
            #expect(try client.call(id, "image.generate", #"{"prompt":"p"}"#).error?.kind == .overBudget)
            #expect(try client.call(id, "image.price", #"{"prompt":"p","count":3}"#).error?.kind == .notPermitted)
        }
        let rows = try ChildProcess.python(
            """
            import json, sqlite3, sys
            print([json.loads(row)["kind"] for row, in sqlite3.connect(sys.argv[1]).execute(
                "SELECT details FROM audit WHERE event = 'denied' ORDER BY sequence")])
            """, daemon.directory.file("state/darkroom.sqlite"))
        #expect(rows == "['over_budget', 'not_permitted', 'not_permitted', 'not_permitted']\n")
    }

    @Test func aRecordWhoseEndWasCutOffIsToldByARowNotedBefore() throws {
        _ = try client.call(1, "image.generate", #"{"prompt":"p","delivery":"none"}"#).decode(JobResult.self)
        let head = try admin.call(2, "audit.head").decode(ReadAuditHead.Result.self)
        let anchor = "\(head.sequence):\(head.hash)"
        func verify(_ anchor: String) throws -> VerifyAudit.Result {
            try admin.call(3, "audit.verify", #"{"anchor":"\#(anchor)"}"#).decode(VerifyAudit.Result.self)
        }
        let rows = head.sequence
        #expect(try verify(anchor) == VerifyAudit.Result(ok: true, rows: rows, firstBroken: nil, anchored: true))
        let other = "\(head.sequence - 1):\(head.hash)"
        #expect(try verify(other) == VerifyAudit.Result(ok: false, rows: rows, firstBroken: nil, anchored: false))
        #expect(try admin.call(4, "audit.verify", #"{"anchor":"7"}"#).error?.path == "anchor")
        let state = daemon.directory.file("state")
        let program = BuiltProduct.path(of: "darkroomd")
        let arguments = ["--verify-audit", "--state", state, "--anchor", anchor]
        #expect(try ChildProcess.run(program, arguments).status == 0)
        _ = try ChildProcess.python(
            """
            import sqlite3, sys
            with sqlite3.connect(sys.argv[1]) as c: c.execute("DELETE FROM audit WHERE sequence = " + sys.argv[2])
            """, "\(state)/darkroom.sqlite", "\(head.sequence)")
        #expect(try admin.call(5, "audit.verify").decode(VerifyAudit.Result.self).ok)
        #expect(
            try verify(anchor) == VerifyAudit.Result(ok: false, rows: rows - 1, firstBroken: nil, anchored: false))
        let cut = try ChildProcess.run(program, arguments)
        #expect(cut.status == 65 && cut.standardError.contains("row \(head.sequence) is missing"), "\(cut)")
    }

    @Test(arguments: ["hash = 7", "uid = -1"]) func anEditThatChangesATypeStopsNobody(edit: String) throws {
        _ = try client.call(1, "image.generate", #"{"prompt":"p","delivery":"none"}"#).decode(JobResult.self)
        _ = try ChildProcess.python(
            """
            import sqlite3, sys
            with sqlite3.connect(sys.argv[1]) as c: c.execute("UPDATE audit SET " + sys.argv[2] + " WHERE sequence = 4")
            """, daemon.directory.file("state/darkroom.sqlite"), edit)
        let verdict = try admin.call(2, "audit.verify").decode(VerifyAudit.Result.self)
        #expect(!verdict.ok && verdict.firstBroken == 4)
        #expect(try client.call(3, "server.metrics").error == nil)
        #expect(try client.call(4, "image.generate", #"{"prompt":"q","delivery":"none"}"#).error == nil)
    }

    /// Of the first prompt there is the hash alone; the rule of the second one wants the text too.
    @Test func aPromptIsOnRecordByItsHashUnlessARuleWantsItsText() throws {
        _ = try client.call(1, "image.generate", #"{"prompt":"first prompt","delivery":"none"}"#).decode(JobResult.self)
        let rule = "[[rule]]\nsocket = \"api\"\nlog_prompts = true\n"
        _ = try daemon.directory.write(
            "darkroom.toml", RunningDaemon.configuration(simulator, project: rule), mode: 0o644)
        #expect(try admin.call(2, "server.reload").error == nil)
        _ = try client.call(3, "image.generate", #"{"prompt":"a \"second\"","delivery":"none"}"#).decode(JobResult.self)
        let text = try ChildProcess.python(
            """
            import hashlib, json, sqlite3, sys
            for row, in sqlite3.connect(sys.argv[1]).execute("SELECT details FROM audit WHERE event = 'accepted'"):
                row = json.loads(row)
                names = [p for p in ("first prompt", 'a "second"')
                    if hashlib.sha256(p.encode()).hexdigest() == row["promptSha256"]]
                print(names[0], row["promptBytes"], row.get("prompt"), sep="|")
            """, daemon.directory.file("state/darkroom.sqlite"))
        #expect(text == "first prompt|12|None\na \"second\"|10|a \"second\"\n")
    }

    private func metrics() throws -> [String: Double] {
        let text = try client.call(1, "server.metrics").decode(ReadMetrics.Result.self).text
        #expect(text.hasSuffix("\n# EOF\n"))
        let samples = text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
            let parts = line.split(separator: " ", maxSplits: 1)
            // A label's value may hold no space here, so the last word is the number.
            return (String(parts[0]), Double(parts[1]) ?? -1)
        }
        return Dictionary(uniqueKeysWithValues: samples)
    }

    @Test func theCountersKnowWhatWasDone() throws {
        _ = try client.call(1, "image.generate", #"{"prompt":"p","delivery":"none","count":2}"#).decode(JobResult.self)
        _ = try client.call(2, "image.generate", #"{"prompt":"p","count":11}"#)
        let metrics = try metrics()
        let model = #"{model="gemini-3.1-flash-image"}"#
        #expect(metrics[#"darkroom_images_total{model="gemini-3.1-flash-image",outcome="delivered"}"#] == 2)
        #expect(metrics["darkroom_image_size_bytes_count\(model)"] == 2)
        #expect(metrics[#"darkroom_calls_total{model="gemini-3.1-flash-image",outcome="done"}"#] == 2)
        let generated = #"darkroom_requests_total{operation="image.generate",model=""#
        #expect(metrics[generated + #"gemini-3.1-flash-image",outcome="ok"}"#] == 1)
        #expect(metrics[generated + #"none",outcome="invalid_params"}"#] == 1)
        #expect((metrics["darkroom_cost_usd_total\(model)"] ?? 0) > 0.1)
        #expect((metrics["darkroom_image_bytes_total\(model)"] ?? 0) > 1000)
        let tokens = #"darkroom_tokens_total{model="gemini-3.1-flash-image",direction="output",modality="image"}"#
        #expect((metrics[tokens] ?? 0) > 1000)
        for stage in ["parse", "decode", "ledger", "write", "job"] {
            #expect((metrics[#"darkroom_overhead_seconds_count{stage="\#(stage)"}"#] ?? 0) > 0, "\(stage)")
        }
        #expect(metrics["darkroom_ready"] == 1 && metrics[#"darkroom_key_state{project="default",state="ok"}"#] == 1)
        #expect(metrics["darkroom_clients_connected"] ?? 0 >= 2)
    }

    @Test func theCountersKnowWhatWasSavedAndWhatDiffered() throws {
        let prompt = #"p {sim:{\"answer\":{\"claimedType\":\"image/png\"}}}"#
        let params = #"{"prompt":"\#(prompt)","delivery":"none","reuse":"prefer"}"#
        let first = try client.call(1, "image.generate", params).decode(JobResult.self)
        let second = try client.call(2, "image.generate", params).decode(JobResult.self)
        #expect(second.reused)
        let metrics = try metrics()
        let model = #"{model="gemini-3.1-flash-image"}"#
        #expect(metrics["darkroom_cache_hits_total\(model)"] == 1)
        #expect(metrics["darkroom_cache_misses_total"] == 1)
        #expect(metrics[#"darkroom_images_total{model="gemini-3.1-flash-image",outcome="cached"}"#] == 1)
        #expect(metrics["darkroom_cost_saved_usd_total\(model)"] == first.cost?.usd)
        #expect(metrics[#"darkroom_param_mismatch_total{model="gemini-3.1-flash-image",field="mime"}"#] == 1)
    }

    @Test func theCountersKnowWhoWasLedToAnEarlierJob() throws {
        let params = #"{"prompt":"p","delivery":"none","idempotencyKey":"k"}"#
        let first = try client.call(1, "image.generate", params).decode(JobResult.self)
        let second = try client.call(2, "image.generate", params).decode(JobResult.self)
        #expect(first.job == second.job)
        #expect(try metrics()["darkroom_coalesced_total"] == 1)
    }

    /// What a scraper would refuse: another format, a family twice, a sample before its family, a bucket that falls.
    @Test func theTextIsOpenMetrics() throws {
        _ = try client.call(1, "image.generate", #"{"prompt":"p","delivery":"none"}"#).decode(JobResult.self)
        let text = try client.call(2, "server.metrics").decode(ReadMetrics.Result.self).text
        var families: Set<String> = []
        var family = ""
        var last = (series: "", count: 0)
        for line in text.split(separator: "\n").dropLast() {
            if let type = line.wholeMatch(of: /# TYPE (darkroom_[a-z_]+) (counter|gauge|histogram|info)/) {
                family = String(type.output.1)
                #expect(families.insert(family).inserted, "\(line)")
            } else if !line.hasPrefix("# HELP \(family) ") {
                let sample = try #require(
                    line.wholeMatch(of: /(darkroom_[a-z_]+)(\{[a-z]+="[^"]*"(,[a-z]+="[^"]*")*\})? ([0-9.e+-]+)/),
                    "\(line)")
                #expect(sample.output.1.hasPrefix(family), "\(line)")
                guard let bucket = line.firstMatch(of: /^(.*),?le="[^"]*"\} ([0-9]+)$/) else { continue }
                let count = Int(bucket.output.2) ?? -1
                if last.series == bucket.output.1 { #expect(count >= last.count, "\(line)") }
                last = (String(bucket.output.1), count)
            }
        }
        #expect(text.split(separator: "\n").last == "# EOF" && families.count >= 20)
    }
}
