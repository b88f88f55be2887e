// The simulated week, and what it shows, as a table.

import ArgumentParser
import Glibc
import Quota

struct QuotaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quota",
        abstract: "Simulate a week of three principals on one project with every kind of limit.",
        discussion: "Ends with status 1 when a promise is not kept.")

    @Option(help: "Of everything that is left to chance.")
    var seed: UInt64 = 1

    func run() throws {
        var isKept = true
        print("# darkroom-bench quota\n")
        print(
            "One project, 8 slots, a week over the end of daylight saving time; flash: 30 requests, 25 images and 40,000 "
                + "input tokens a minute, 3,400 requests a day; pro: 10, 10, 40,000, 250; 10 dollars in 10 minutes, 300 a "
                + "day.\n")
        for kind in WeekReport.Kind.allCases {
            var week = Self.week(kind, seed: seed)
            let begun = ContinuousClock.now
            week.run()
            let report = WeekReport(week, took: ContinuousClock.now - begun, kind: kind)
            print("## \(kind.rawValue)\n\n\(report.markdown)\n")
            isKept = isKept && report.isKept
        }
        if !isKept { throw ExitCode(1) }
    }

    /// A week from 2026-10-29T07:00:00Z, midnight in California.
    static func week(_ kind: WeekReport.Kind, seed: UInt64) -> QuotaWeek {
        let start: Int64 = 1_793_257_200_000
        let time = start..<start + 7 * 86_400_000
        let models = [
            "flash": ModelLimits(
                requestsPerMinute: 30, imagesPerMinute: 25, inputTokensPerMinute: 40_000, requestsPerDay: 3400,
                imageTime: 8000...16_000, costMicros: 67_000, holdMicros: 71_200),
            "pro": ModelLimits(
                requestsPerMinute: 10, imagesPerMinute: 10, inputTokensPerMinute: 40_000, requestsPerDay: 250,
                imageTime: 15_000...40_000, costMicros: 134_000, holdMicros: 142_000),
        ]
        var windows = Windows()
        windows.configure(
            project: "p",
            models: models.mapValues { limits in
                [
                    .requestsPerMinute: Int64(limits.requestsPerMinute),
                    .imagesPerMinute: Int64(limits.imagesPerMinute),
                    .inputTokensPerMinute: Int64(limits.inputTokensPerMinute),
                    .requestsPerDay: Int64(limits.requestsPerDay),
                ]
            },
            spend: [.spendPer10Minutes: 10_000_000, .spendPerDay: 300_000_000, .spendPerMonth: 3_000_000_000])
        let project = SimulatedProject(
            models: models, spendPer10Minutes: 10_000_000, spendPerDay: 300_000_000, days: days(from: start, count: 9),
            trouble: kind == .troubled ? trouble(in: time, seed: seed) : SimulatedProject.Trouble())
        return QuotaWeek(project, windows: windows, time: time, hasBursts: kind != .steady, seed: seed)
    }

    /// California's days by hand: 24 hours each but the first of November, which has 25.
    private static func days(from start: Int64, count: Int) -> [Range<Int64>] {
        var days: [Range<Int64>] = []
        var begin = start
        for day in 0..<count {
            let length: Int64 = day == 3 ? 90_000_000 : 86_400_000
            days.append(begin..<begin + length)
            begin += length
        }
        return days
    }

    private static func trouble(in time: Range<Int64>, seed: UInt64) -> SimulatedProject.Trouble {
        var random = SeededGenerator(seed: seed &+ 1)
        var trouble = SimulatedProject.Trouble()
        for _ in 0..<60 {
            let begin = Int64.random(in: time, using: &random)
            trouble.foreignUntil.append((begin..<begin + .random(in: 3000...58_000, using: &random), "flash"))
        }
        for _ in 0..<8 {
            let begin = Int64.random(in: time, using: &random)
            trouble.outages.append(begin..<begin + .random(in: 60_000...1_200_000, using: &random))
        }
        for _ in 0..<10 {
            let begin = Int64.random(in: time, using: &random)
            trouble.bare.append(begin..<begin + .random(in: 5000...240_000, using: &random))
        }
        return trouble
    }
}
