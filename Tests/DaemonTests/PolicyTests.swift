// What the rules let through, and how they are explained to who wrote them.

import Engine
import Foundation
import Gemini
import Quota
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

    @Test func allBudgetsThatMatchCountBesideTheRules() throws {
        let budgets = """
            [[budget]]
            user = "1000"
            per_day = 3
            [[budget]]
            group = "7"
            each = true
            per_month = 4
            [[budget]]
            unit = "build-*.service"
            per_day = 5
            [[budget]]
            user = "2000"
            per_day = 6

            """
        let ruled = try policy(budgets + "[[rule]]\nsocket = \"api\"\nper_day = 1\ntotal_per_day = 2\n")
        let mine = ruled.terms(for: principal(groups: [7], unit: "build-1.service")).budgets
        let ofRule = ["each of socket api: uid 1000", "all of socket api"]
        let own = ["budget uid 1000", "budget gid 7: uid 1000", "budget unit build-*.service"]
        #expect(mine.map(\.account) == ofRule + own)
        #expect(mine.compactMap(\.budget.perDay) == [1_000_000, 2_000_000, 3_000_000, 5_000_000])
        #expect(mine.compactMap(\.budget.perMonth) == [4_000_000])
        #expect(ruled.terms(for: principal(3000)).budgets.count == 2)
        let free = try policy(budgets)
        #expect(free.terms(for: principal(groups: [7])).budgets.map(\.account) == Array(own.prefix(2)))
        let verdict = try free.check(try params(#"{"prompt":"p"}"#), by: principal(2000))
        #expect(verdict.terms(for: principal(2000)).budgets.map(\.account) == ["budget uid 2000"])
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

    /// Beyond what the one or the other lets through, or within both.
    @Test(
        arguments: [
            (#"{"prompt":"p","model":"pro","count":1}"#, "model"),
            (#"{"prompt":"p","model":"lite","count":3}"#, "count"),
            (#"{"prompt":"p","model":"lite","count":2}"#, nil),
        ] as [(String, String?)])
    func aRuleForAUnitOnlyNarrowsWhatIsForItsUser(json: String, path: String?) throws {
        let policy = try policy(
            """
            [[rule]]
            user = "1000"
            unit = "build-*.service"
            max_count = 2
            native = true
            per_day = 9
            max_queue = 3
            [[rule]]
            user = "1000"
            models = ["lite"]
            per_day = 5
            max_queue = 7
            """)
        let inUnit = principal(unit: "build-7.service")
        #expect(policy.refusal(of: try params(json), by: inUnit)?.path == path)
        #expect(
            policy.refusal(of: try params(#"{"prompt":"p","model":"lite","native":{}}"#), by: inUnit)?.path == "native")
        let verdict = try policy.check(try params(#"{"prompt":"p","model":"lite"}"#), by: inUnit)
        #expect(verdict.rule == directory.file("darkroom.toml") + ":1")
        #expect(verdict.allowance.perDay == 5_000_000 && verdict.allowance.maxQueue == 3)
        #expect(
            verdict.terms(for: inUnit).budgets.map(\.account) == [
                "each of uid 1000, unit build-*.service: uid 1000", "each of uid 1000: uid 1000",
            ])
    }

    @Test func whatIsInNeitherRulesProjectsIsNobodysToServe() throws {
        let policy = try policy(
            """
            [[project]]
            name = "a"
            [[project]]
            name = "b"
            [[rule]]
            user = "1000"
            unit = "*"
            projects = ["a"]
            [[rule]]
            user = "1000"
            projects = ["b"]
            """)
        let request = try params(#"{"prompt":"p"}"#)
        #expect(policy.refusal(of: request, by: principal(unit: "x.service"))?.path == "project")
        #expect(policy.refusal(of: request, by: principal()) == nil)
    }

    /// A directory service that is late at boot: whoever may be meant by the narrow rule is not given the wide one.
    @Test(arguments: ["user = \"nobody-of-this-name\"", "group = \"nobody-of-this-name\""])
    func whoMayBeMeantByANameThatIsUnknownIsNotPassedOn(match: String) throws {
        let policy = try policy("[[rule]]\n\(match)\nmax_count = 1\n[[rule]]\nsocket = \"api\"\n")
        let request = try params(#"{"prompt":"p"}"#)
        // No account has this number, so it may be the one that cannot be looked up.
        let nameless = principal(4_000_000_001)
        let error = policy.refusal(of: request, by: nameless)
        #expect(error?.kind == .notPermitted && error?.message.contains("cannot be looked up") == true)
        #expect(throws: WireError.self) { try policy.checkDiagnosis(by: nameless) }
        #expect(policy.refusal(of: request, by: principal(0)) == nil)
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
                    reason: "the rule lets it through: 2.5 dollars a day; in some units an earlier rule narrows it"))
        #expect(
            try explain(#"{"user":"54321","prompt":"p","model":"pro"}"#)
                == ExplainPolicy.Result(
                    allowed: false, rule: "\(file):5",
                    reason:
                        "you may not ask for the model pro; you may ask for lite; in some units an earlier rule narrows it"
                ))
        #expect(
            try explain(#"{"user":"root","prompt":"p"}"#)
                == ExplainPolicy.Result(
                    allowed: false, rule: nil, reason: "no rule lets you ask for images; ask an admin of this host"))
        #expect(try admin.call(2, "policy.explain", #"{"user":"no such user","prompt":"p"}"#).error?.path == "user")
    }
}
