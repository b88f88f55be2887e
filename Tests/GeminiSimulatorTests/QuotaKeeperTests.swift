// Limits as a project has them: enforced, told, counted.

import Foundation
import Testing
import TestKit

struct QuotaKeeperTests {
    private static let half = #"{"imageConfig":{"imageSize":"512"}}"#

    /// Limits in force, then statuses of so many requests for a small picture.
    private func statuses(_ simulator: RunningSimulator, _ count: Int) throws -> [Int] {
        try (0..<count).map { _ in try simulator.generate(config: Self.half).status }
    }

    private func limit(_ simulator: RunningSimulator, _ limits: String) throws {
        let seen = try simulator.send(simulator.control + "/quota", body: limits, headers: [])
        #expect(seen.status == 200, "\(seen.text)")
    }

    private func jump(_ simulator: RunningSimulator, seconds: Double) throws {
        _ = try simulator.send(simulator.control + "/clock", body: #"{"jumpSeconds":\#(seconds)}"#, headers: [])
    }

    private func refusals(_ simulator: RunningSimulator) throws -> [String: Int] {
        let refused = try simulator.send(simulator.control + "/quota", headers: []).json["refused"] as? [String: Int]
        return (refused ?? [:]).filter { $0.value > 0 }
    }

    @Test func aMinuteHasSoManyRequestsAndTheNextOneAgain() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        try limit(simulator, #"{"models":{"gemini-3.1-flash-image":{"rpm":2}}}"#)
        #expect(try statuses(simulator, 3) == [200, 200, 429])
        // Another model has limits of its own, here none.
        #expect(try simulator.generate(model: "gemini-2.5-flash-image").status == 200)
        try jump(simulator, seconds: 61)
        #expect(try statuses(simulator, 1) == [200])
        let report = try simulator.send(simulator.control + "/quota", headers: []).json
        #expect(["sent", "accepted"].map { report[$0] as? Int } == [5, 4])
        #expect(try refusals(simulator) == ["rpm": 1])
    }

    @Test func aUsedUpMinuteIsToldWithItsLimitAndTheDelay() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        try limit(simulator, #"{"models":{"*":{"ipm":1}}}"#)
        _ = try statuses(simulator, 1)
        let seen = try simulator.generate(config: Self.half)
        let error = try #require(seen.json["error"] as? [String: Any])
        #expect(error["status"] as? String == "RESOURCE_EXHAUSTED")
        let details = try #require(error["details"] as? [NSDictionary])
        #expect(
            details.compactMap { $0["violations"] as? [NSDictionary] } == [
                [
                    [
                        "quotaMetric": "generativelanguage.googleapis.com/generate_content_paid_tier_images",
                        "quotaId": "GenerateImagesPerMinutePerProjectPerModel",
                        "quotaDimensions": ["location": "global", "model": "gemini-3.1-flash-image"],
                        "quotaValue": "1",
                    ]
                ]
            ])
        let delay = try #require(details.lazy.compactMap { $0["retryDelay"] as? String }.first)
        let seconds = try #require(Double(delay.dropLast()))
        #expect(delay.hasSuffix("s") && seconds > 0 && seconds <= 60)
        #expect(seen.errorMessage?.hasSuffix("Please retry in \(delay).") == true)
    }

    @Test func everyImageOfTheCompatibleRouteCounts() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        try limit(simulator, #"{"models":{"*":{"ipm":3}}}"#)
        let seen = try (0..<2).map { _ in
            try simulator.send(
                simulator.url + "/openai/images/generations",
                body: #"{"model":"gemini-2.5-flash-image","prompt":"x","n":2}"#,
                headers: ["authorization: Bearer simulator-key"]
            ).status
        }
        #expect(seen == [200, 429])
    }

    @Test func inputTokensOfAMinuteAreLimited() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        try limit(simulator, #"{"models":{"*":{"tpm":100}}}"#)
        #expect(try simulator.generate(String(repeating: "word", count: 120), config: Self.half).status == 429)
        #expect(try simulator.generate(String(repeating: "word", count: 60), config: Self.half).status == 200)
        #expect(try refusals(simulator) == ["tpm": 1])
    }

    @Test func aDayEndsAtMidnightInLosAngeles() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        try limit(simulator, #"{"models":{"*":{"rpd":1}}}"#)
        var pacific = Calendar(identifier: .gregorian)
        pacific.timeZone = try #require(TimeZone(identifier: "America/Los_Angeles"))
        let tomorrow = try #require(pacific.date(byAdding: .day, value: 1, to: pacific.startOfDay(for: .now)))
        try jump(simulator, seconds: tomorrow.timeIntervalSinceNow - 120)
        #expect(try statuses(simulator, 2) == [200, 429])
        try jump(simulator, seconds: 121)
        #expect(try statuses(simulator, 2) == [200, 429])
        #expect(try refusals(simulator) == ["rpd": 2])
    }

    @Test func tenMinutesOfSpendingAreLimitedWithoutAWordOfWhy() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        // Two pictures of 4.5 cents.
        try limit(simulator, #"{"spendUSD":0.1}"#)
        #expect(try statuses(simulator, 3) == [200, 200, 429])
        let seen = try simulator.generate(config: Self.half)
        #expect(seen.errorMessage == "Resource has been exhausted (e.g. check quota).")
        #expect((seen.json["error"] as? [String: Any])?["details"] == nil)
        try jump(simulator, seconds: 601)
        #expect(try statuses(simulator, 1) == [200])
    }

    @Test func twoProjectsDoNotShare() throws {
        let simulator = try RunningSimulator(["--key", "one", "--key", "two@other"], key: nil)
        defer { #expect(simulator.stop() == 0) }
        try limit(simulator, #"{"models":{"*":{"rpm":1}}}"#)
        let body = #"{"contents":[{"parts":[{"text":"a"}]}],"generationConfig":\#(Self.half)}"#
        let statuses = try ["one", "two", "one"].map { key in
            try simulator.send(
                simulator.url + "/models/gemini-3.1-flash-image:generateContent", body: body,
                headers: ["x-goog-api-key: \(key)"]
            ).status
        }
        #expect(statuses == [200, 200, 429])
    }

    @Test func anUnknownLimitIsAMistake() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let seen = try simulator.send(simulator.control + "/quota", body: #"{"models":{"*":{"rpn":1}}}"#, headers: [])
        #expect(seen.status == 422)
        #expect(seen.json["simulator"] as? String == "unknown or empty member models.*.rpn")
    }
}
