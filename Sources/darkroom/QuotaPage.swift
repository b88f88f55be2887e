// Limits as bars with what a person wants to know beside them: how much, until when, and whether it will last.

import Wire

struct QuotaPage {
    private(set) var lines: [String] = []

    /// - Parameter quota: As the daemon told it.
    init(_ quota: GetQuota.Result) {
        for project in quota.projects {
            lines.append("project \(project.name)")
            if project.models.allSatisfy(\.windows.isEmpty), project.spend.isEmpty {
                lines.append("  no limit is known")
            }
            for model in project.models where !model.windows.isEmpty {
                lines.append("  \(model.model)")
                for window in model.windows { add(window) }
            }
            for spend in project.spend { add(spend) }
        }
        if !quota.you.spend.isEmpty { lines.append("you") }
        for spend in quota.you.spend { add(spend) }
    }

    private mutating func add(_ window: GetQuota.Window) {
        var words = ["\(window.used) of \(window.limit)"]
        if window.held > 0 { words.append("\(window.held) under way") }
        if window.source == .learnt { words.append("learnt from a refusal") }
        add(
            indent: 4, window.kind, used: Double(window.used), held: Double(window.held), limit: Double(window.limit),
            words, window.resetsAt, window.endsAt)
    }

    private mutating func add(_ spend: GetQuota.Spend) {
        var words = ["\(Quantity.dollars(spend.spentUSD)) of \(Quantity.dollars(spend.limitUSD))"]
        if spend.heldUSD > 0 { words.append("\(Quantity.dollars(spend.heldUSD)) held") }
        add(
            indent: 2, "spend_\(spend.kind)", used: spend.spentUSD, held: spend.heldUSD, limit: spend.limitUSD, words,
            spend.resetsAt, spend.endsAt)
    }

    private mutating func add(
        indent: Int, _ kind: String, used: Double, held: Double, limit: Double, _ words: [String],
        _ resetsAt: Timestamp?, _ endsAt: Timestamp?
    ) {
        var words = words
        if let resetsAt {
            words.append("opens again \(resetsAt)")
            if let endsAt {
                let forecast = Forecast(endsAt: endsAt, resetsAt: resetsAt, isMonth: kind.hasSuffix("month"))
                words.append("at this rate used up \(forecast.words)")
            }
        }
        let name = kind.split(separator: "_").joined(separator: " ")
        let label = (String(repeating: " ", count: indent) + name).rightPadded(to: 30)
        lines.append("\(label)[\(Self.bar(used: used, held: held, limit: limit))]  \(words.joined(separator: ", "))")
    }

    /// `####++..............`: full only when nothing is left, and never empty once something is used.
    static func bar(used: Double, held: Double, limit: Double) -> String {
        let width = 20
        func cells(_ amount: Double) -> Int {
            guard amount > 0 else { return 0 }
            guard limit > 0, amount < limit else { return width }
            return min(max(1, Int((amount / limit * Double(width)).rounded())), width - 1)
        }
        let taken = cells(used + held)
        let full = min(cells(used), taken)
        return String(repeating: "#", count: full) + String(repeating: "+", count: taken - full)
            + String(repeating: ".", count: width - taken)
    }
}

/// When a day or a month will be used up, as people say it.
struct Forecast {
    let endsAt: Timestamp
    /// The midnight that ends the day or the month.
    let resetsAt: Timestamp
    let isMonth: Bool

    var words: String {
        guard let hoursBehind else { return isMonth ? "on \(date(behind: 0))" : "at \(time(behind: 0)) UTC" }
        if isMonth { return "on \(date(behind: hoursBehind))" }
        // Before it the clock may have been another one: it is changed two hours after a midnight, and such a day has 23
        // hours at least.
        let isAfterChange = endsAt.milliseconds >= resetsAt.milliseconds - 21 * Self.hour
        return isAfterChange ? "at \(time(behind: hoursBehind)) PT" : "at \(time(behind: 0)) UTC"
    }

    private static let hour: Int64 = 3_600_000

    /// Pacific time is 7 or 8 hours behind, and that is when its midnight is in UTC.
    private var hoursBehind: Int64? {
        let rest = resetsAt.milliseconds % (24 * Self.hour)
        return rest == 7 * Self.hour ? 7 : rest == 8 * Self.hour ? 8 : nil
    }

    private func local(behind hours: Int64) -> String {
        Timestamp(milliseconds: endsAt.milliseconds - hours * Self.hour).description
    }

    private func date(behind hours: Int64) -> String { String(local(behind: hours).prefix(10)) }

    private func time(behind hours: Int64) -> String { String(local(behind: hours).dropFirst(11).prefix(5)) }
}
