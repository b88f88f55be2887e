// What a simulated week shows: promises with what was measured, and each principal's share.

import Quota

struct WeekReport {
    /// What the week is made of.
    enum Kind: String, CaseIterable {
        case limits = "limits alone"
        case steady = "steady load: the same without the bursts"
        case troubled = "another user of the key, outages"
    }

    struct Promise {
        let what: String
        let goal: String
        let found: String
        let isKept: Bool
    }

    let week: QuotaWeek
    let took: Duration
    let kind: Kind

    init(_ week: QuotaWeek, took: Duration, kind: Kind) {
        self.week = week
        self.took = took
        self.kind = kind
    }

    var isKept: Bool { promises.allSatisfy(\.isKept) }

    var markdown: String {
        (["| promise | goal | found | |", "|---|---|---:|---|"]
            + promises.map {
                "| \($0.what) | \($0.goal) | \($0.found) | \($0.goal.isEmpty ? "" : $0.isKept ? "kept" : "broken") |"
            }
            + [
                "", "| principal | asked | started | share | median wait | worst wait |",
                "|---|---:|---:|---:|---:|---:|",
            ]
            + shares
            + ["", "| limit | most of it used |", "|---|---:|"]
            + week.project.peaks.sorted { $0.key < $1.key }.map { "| \($0.key) | \(($0.value * 100).short) % |" }
            + ["", "Upstream refused \(week.refusals) requests. The week took \(took.seconds.short) s."])
            .joined(separator: "\n")
    }

    private var promises: [Promise] {
        let violations = week.project.violations.values.reduce(0, +)
        let worst = waits(of: QuotaWeek.steady).max() ?? .infinity
        let left = week.jobs.count { $0.principal == QuotaWeek.bulk && $0.startedAt == nil }
        let lastDay = week.bulkStarts.keys.max() ?? 0
        let fewest = (0..<lastDay).map { week.bulkStarts[$0] ?? 0 }.min() ?? 0
        var promises = [
            Promise(what: "limit violations", goal: "0", found: "\(violations)", isKept: violations == 0),
            Promise(
                what: "most under way at once", goal: "at most \(QuotaWeek.slots)",
                found: "\(week.project.mostInFlight)", isKept: week.project.mostInFlight <= QuotaWeek.slots),
            Promise(
                what: "requests wasted on a gate known to be shut", goal: "0", found: "\(week.wasted)",
                isKept: week.wasted == 0),
            Promise(what: "bulk jobs not started in the week", goal: "0", found: "\(left)", isKept: left == 0),
            Promise(
                what: "interactive starts in a row while bulk waits and the day has more than its reserve",
                goal: "at most 8", found: "\(week.longestRun)", isKept: week.longestRun <= 8),
            Promise(
                what: "fewest bulk starts of a day, as long as there are some", goal: "a 36th of the day's limit, 94",
                found: "\(fewest)", isKept: fewest >= 94),
            Promise(
                what: "longest time without a bulk start", goal: "", found: "\(seconds(week.longestBulkGap)) s",
                isKept: true),
        ]
        guard kind != .troubled else { return promises }
        promises.append(
            Promise(
                what: "worst wait of the steady interactive principal", goal: "one image time, 12 s at the mean",
                found: "\(worst.short) s", isKept: worst <= 12))
        let errors = forecastErrors
        let median = Statistics.median(errors) ?? .infinity
        let most = errors.isEmpty ? .infinity : errors.sorted()[min(errors.count - 1, errors.count * 9 / 10)]
        promises.append(
            Promise(
                what: "error of the expected start, median of \(errors.count)", goal: "at most 20 %",
                found: "\((median * 100).short) %", isKept: median <= 0.2))
        promises.append(
            Promise(
                what: "error of the expected start, 90 of 100 at most", goal: "at most 20 %",
                found: "\((most * 100).short) %", isKept: most <= 0.2))
        return promises
    }

    private var shares: [String] {
        let started = week.jobs.count { $0.startedAt != nil }
        return [("bulk", QuotaWeek.bulk), ("steady", QuotaWeek.steady), ("bursty", QuotaWeek.bursty)].map { name, id in
            let asked = week.jobs.count { $0.principal == id }
            let waits = waits(of: id)
            let share = Double(waits.count) * 100 / Double(max(1, started))
            return "| \(name) | \(asked) | \(waits.count) | \(share.short) % "
                + "| \((Statistics.median(waits) ?? 0).short) s | \((waits.max() ?? 0).short) s |"
        }
    }

    private func waits(of principal: UInt32) -> [Double] {
        week.jobs.compactMap { job in
            guard job.principal == principal, let start = job.startedAt else { return nil }
            return Double(start - job.askedAt) / 1000
        }
    }

    /// Of jobs that had more than a few image times to wait; nearer ones are a matter of seconds.
    private var forecastErrors: [Double] {
        week.jobs.compactMap { job in
            guard let promised = job.promised, let start = job.startedAt else { return nil }
            let waited = Double(start - promised.at) / 1000
            guard waited >= 60 else { return nil }
            return abs(promised.seconds - waited) / waited
        }
    }

    private func seconds(_ milliseconds: Int64) -> String { (Double(milliseconds) / 1000).short }
}
