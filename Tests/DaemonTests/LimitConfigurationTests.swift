// Limits and budgets as an admin writes them, and each way of writing them wrong.

import Engine
import Foundation
import Gemini
import Quota
import TestKit
import Testing

@testable import darkroomd

@Suite struct LimitConfigurationTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func load(_ text: String) throws -> Configuration {
        try Configuration.load(try directory.write("darkroom.toml", text), catalogue: try Catalogue.shipped())
    }

    @Test func limitsAreReadInTheirUnits() throws {
        let configuration = try load(
            """
            time_zone = "Europe/Berlin"
            [[project]]
            name = "a"
            [project.limits.flash]
            requests_per_minute = 60
            input_tokens_per_minute = 1000000
            [project.spend]
            per_10_minutes = 10
            per_month = 0.5
            """)
        let project = try #require(configuration.projects.first)
        #expect(
            project.limits.map(\.limits) == [
                [.requestsPerMinute: 60, .inputTokensPerMinute: 1_000_000] as Quota.Limits
            ])
        #expect(project.spendPer10Minutes == 10_000_000 && project.budget == Budget(perMonth: 500_000))
        #expect(configuration.timeZone == "Europe/Berlin" && configuration.cautions == [])
        let settings = Startup.engineSettings(configuration)
        #expect(settings.projectLimits["a"]?.models.keys.sorted() == ["gemini-3.1-flash-image"])
    }

    @Test func entriesOfOneKeyOrOneGoogleProjectHaveOneQuotaUnlessTheyAreToldApart() throws {
        let configuration = try load(
            """
            [[project]]
            name = "a"
            [project.limits.flash]
            requests_per_day = 10
            [[project]]
            name = "b"
            route = "openai"
            [[project]]
            name = "c"
            credential = "other"
            [[project]]
            name = "d"
            quota = "own"
            [project.limits.flash]
            requests_per_day = 20
            [[project]]
            name = "e"
            credential = "third"
            quota = "own"
            [[project]]
            name = "f"
            base_url = "http://127.0.0.1:9/v1beta"
            [[project]]
            name = "g"
            route = "vertex"
            google_project = "my-project-123"
            [[project]]
            name = "h"
            route = "vertex"
            credential = "another"
            google_project = "my-project-123"
            """)
        let sharing = configuration.projects.map { [$0.name, $0.sharesQuotaOf ?? ""] }
        #expect(
            sharing == [
                ["a", ""], ["b", "a"], ["c", ""], ["d", ""], ["e", "d"], ["f", ""], ["g", ""], ["h", "g"],
            ])
        #expect(Startup.engineSettings(configuration).projectLimits["b"]?.quota == "a")
    }

    @Test(arguments: [
        ("[[project]]\nname = \"a\"\n[project.limits.flash]\nrequests_per_minute = -1", "darkroom.toml:4", "is -1"),
        ("[[project]]\nname = \"a\"\n[project.spend]\nper_day = -0.5", "darkroom.toml:4", "is -0.5"),
        (
            "[[project]]\nname = \"a\"\n[project.limits.flahs]\nrequests_per_day = 1", "darkroom.toml:3",
            "did you mean flash"
        ),
        (
            "[[project]]\nname = \"a\"\n[project.limits.flash]\n[project.limits.\"gemini-3.1-flash-image\"]",
            "darkroom.toml:", "which are one model"
        ),
        ("time_zone = \"Mars/Olympus\"", "darkroom.toml:1", "no time zone"),
        (
            "[[rule]]\nsocket = \"api\"\n[[rule]]\nsocket = \"api\"\nper_day = 1", "darkroom.toml:3",
            "this rule never decides"
        ),
        (
            "[[project]]\nname = \"a\"\n[project.limits.flash]\nrequests_per_day = 1\n"
                + "[[project]]\nname = \"b\"\n[project.limits.flash]\nrequests_per_day = 2",
            "darkroom.toml:7", "project b has another requests_per_day for flash than project a"
        ),
        (
            "[[project]]\nname = \"a\"\ncredential = \"x\"\nquota = \"q\"\n[project.spend]\nper_10_minutes = 1\n"
                + "[[project]]\nname = \"b\"\nquota = \"q\"\n[project.spend]\nper_10_minutes = 2",
            "darkroom.toml:11", "another per_10_minutes"
        ),
        ("[[budget]]\nper_day = 1", "darkroom.toml:1", "a user, a group or a unit"),
        ("[[budget]]\nuser = \"0\"", "darkroom.toml:1", "needs per_day or per_month"),
    ])
    func whatIsWrongIsNamedWithItsLine(text: String, place: String, says: String) {
        let error = #expect(throws: ConfigurationError.self) { try load(text) }
        let description = error?.description ?? ""
        #expect(description.contains(place) && description.contains(says), "\(description)")
    }
}
