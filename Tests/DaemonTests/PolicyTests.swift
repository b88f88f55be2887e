// What the rules let through, and how they are explained to who wrote them.

import Engine
import Foundation
import Gemini
import TestKit
import Testing
import Wire

@testable import darkroomd

@Suite struct PolicyTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func policy(_ text: String) throws -> Policy {
        let catalogue = try Catalogue.shipped()
        let configuration = try Configuration.load(try directory.write("darkroom.toml", text), catalogue: catalogue)
        return Policy(configuration) { catalogue.resolve($0) }
    }

    private func principal(
        _ uid: UInt32 = 1000, groups: [UInt32] = [], unit: String? = nil, socket: String = "api"
    ) -> Principal {
        Principal(uid: uid, gid: uid, groups: groups, pid: 1, unit: unit, socket: socket, isAdmin: false)
    }

    private func params(_ json: String) throws -> GenerateImage.Params {
        var reader = ParamReader(try WireJSON.decode([String: JSONValue].self, from: Array(json.utf8)))
        return try GenerateImage.Params(from: &reader)
    }

    /// One narrowing key each, a request beyond it, and the parameter that the refusal names.
    @Test(arguments: [
        (#"models = ["lite"]"#, #"{"prompt":"p","model":"pro"}"#, "model"),
        (#"sizes = ["512"]"#, #"{"prompt":"p","imageSize":"2K"}"#, "imageSize"),
        ("max_count = 2", #"{"prompt":"p","count":3}"#, "count"),
        ("max_inputs = 0", #"{"prompt":"p","inputs":[{"data":"AA=="}]}"#, "inputs"),
        (#"projects = ["b"]"#, #"{"prompt":"p","project":"default"}"#, "project"),
        ("", #"{"prompt":"p","native":{}}"#, "native"),
    ])
    func aRuleNarrows(key: String, beyond: String, path: String) throws {
        let projects = "[[project]]\nname = \"default\"\n[[project]]\nname = \"b\"\n"
        let narrow = try policy(projects + "[[rule]]\nuser = \"1000\"\n\(key)\n")
        let error = narrow.refusal(of: try params(beyond), by: principal())
        #expect(error?.kind == .notPermitted && error?.path == path)
        let wide = try policy(projects + "[[rule]]\nuser = \"1000\"\nnative = true\n")
        #expect(wide.refusal(of: try params(beyond), by: principal()) == nil)
    }

    @Test func aRuleNamesTheMethodsThatItLetsThrough() throws {
        let policy = try policy("[[rule]]\nuser = \"1000\"\nmethods = [\"image.price\"]\n")
        let request = try params(#"{"prompt":"p"}"#)
        #expect(throws: Never.self) { try policy.check(request, "image.price", by: principal()) }
        #expect(policy.refusal(of: request, by: principal())?.hint == "you may call image.price")
        #expect(throws: WireError.self) { try policy.checkDiagnosis(by: principal()) }
    }

    @Test func aRuleForOneSocketIsNoRuleForTheOther() throws {
        let policy = try policy("[[rule]]\nsocket = \"admin\"\n")
        let request = try params(#"{"prompt":"p"}"#)
        #expect(policy.refusal(of: request, by: principal(socket: "api"))?.kind == .notPermitted)
        #expect(policy.refusal(of: request, by: principal(socket: "admin")) == nil)
    }

    @Test(arguments: [
        (0, "admin", true), (1000, "admin", true), (1001, "admin", false), (0, "api", false), (1000, "api", false),
    ])
    func anAdminIsRootOrNamedAndAsksOnTheAdminSocket(uid: UInt32, socket: String, isAdmin: Bool) throws {
        #expect(try policy("admin_users = [\"1000\"]\n").isAdmin(uid: uid, socket: socket) == isAdmin)
    }

    @Test func theVerdictHasWhatTheRuleGives() throws {
        let policy = try policy(
            """
            [[rule]]
            user = "1000"
            priority = "bulk"
            projects = ["default"]
            per_day = 5
            per_month = 0.25
            max_concurrent = 2
            max_queue = 7
            log_prompts = true
            """)
        let verdict = try policy.check(try params(#"{"prompt":"p"}"#), by: principal())
        #expect(verdict.rule == directory.file("darkroom.toml") + ":1")
        #expect(verdict.priority == .bulk && verdict.projects == ["default"] && verdict.logsPrompt)
        #expect(verdict.allowance.perDay == 5_000_000 && verdict.allowance.perMonth == 250_000)
        #expect(verdict.allowance.maxConcurrent == 2 && verdict.allowance.maxQueue == 7)
    }

    @Test(arguments: [
        ("sizes = [\"3K\"]", "rule.sizes has \"3K\"; did you mean \"1K\"?"),
        ("methods = [\"image.prise\"]", "rule.methods has \"image.prise\"; did you mean \"image.price\"?"),
        ("projects = [\"defualt\"]", "rule.projects has \"defualt\"; did you mean \"default\"?"),
        ("max_inputs = 15", "rule.max_inputs is 15; 0 to 14 are allowed"),
        ("per_month = -1", "rule.per_month is -1.0; 0.0 to 1000000000.0 are allowed"),
    ])
    func aSlipInARuleIsToldWithItsLine(key: String, reason: String) throws {
        let error = #expect(throws: ConfigurationError.self) { try policy("[[rule]]\nuser = \"1000\"\n\(key)\n") }
        #expect(error?.reason == reason && error?.origin.line == 3)
    }

    @Test(arguments: [
        ("group = \"7\"", "group = \"7\""), ("user = \"1\"", "user = \"1\"\nunit = \"a*\""),
        ("socket = \"api\"", "user = \"1\"\nsocket = \"api\"\nmax_count = 1"),
    ])
    func aRuleThatNeverDecidesIsRefused(first: String, second: String) throws {
        let error = #expect(throws: ConfigurationError.self) { try policy("[[rule]]\n\(first)\n[[rule]]\n\(second)\n") }
        #expect(error?.origin.line == 3)
        #expect(
            error?.reason
                == "this rule never decides: the one at \(directory.file("darkroom.toml")):1 matches whomever it matches"
        )
        #expect(throws: Never.self) { try policy("[[rule]]\n\(second)\n[[rule]]\nuser = \"99\"\n") }
    }

    @Test func explainingNamesTheRuleThatDecides() throws {
        let daemon = try RunningDaemon(
            configuration: """
                [[rule]]
                user = "54321"
                unit = "build-*.service"
                max_count = 9
                [[rule]]
                user = "54321"
                models = ["lite"]
                per_day = 2.5
                """, key: nil)
        let admin = try RawSocket(daemon.adminSocket)
        let file = daemon.directory.file("darkroom.toml")
        func explain(_ params: String) throws -> ExplainPolicy.Result {
            try admin.call(1, "policy.explain", params).decode(ExplainPolicy.Result.self)
        }
        #expect(
            try explain(#"{"user":"54321","prompt":"p","model":"lite"}"#)
                == ExplainPolicy.Result(
                    allowed: true, rule: "\(file):5",
                    reason: "the rule lets it through: 2.5 dollars a day; in some units an earlier rule decides"))
        #expect(
            try explain(#"{"user":"54321","prompt":"p","model":"pro"}"#)
                == ExplainPolicy.Result(
                    allowed: false, rule: "\(file):5",
                    reason:
                        "you may not ask for the model pro; you may ask for lite; in some units an earlier rule decides"
                ))
        #expect(
            try explain(#"{"user":"root","prompt":"p"}"#)
                == ExplainPolicy.Result(
                    allowed: false, rule: nil, reason: "no rule lets you ask for images; ask an admin of this host"))
        #expect(try admin.call(2, "policy.explain", #"{"user":"no such user","prompt":"p"}"#).error?.path == "user")
    }
}
