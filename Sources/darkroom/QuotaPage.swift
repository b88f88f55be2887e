// Limits as bars with what a person wants to know beside them: how much, until when, and whether it will last.

import Wire

struct QuotaPage {
    private(set) var lines: [String] = []
    private let now: Timestamp

    /// - Parameters:
    ///   - quota: As the daemon told it.
    ///   - now: For the forecast.
    init(_ quota: GetQuota.Result, now: Timestamp) {
        self.now = now
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
            words, window.resetsAt)
    }

    private mutating func add(_ spend: GetQuota.Spend) {
        var words = ["\(Quantity.dollars(spend.spentUSD)) of \(Quantity.dollars(spend.limitUSD))"]
        if spend.heldUSD > 0 { words.append("\(Quantity.dollars(spend.heldUSD)) held") }
        add(
            indent: 2, "spend_\(spend.kind)", used: spend.spentUSD, held: spend.heldUSD, limit: spend.limitUSD, words,
            spend.resetsAt)
    }

    private mutating func add(
        indent: Int, _ kind: String, used: Double, held: Double, limit: Double, _ words: [String],
        _ resetsAt: Timestamp?
    ) {
        var words = words
        if let resetsAt {
            words.append("opens again \(resetsAt)")
            let forecast = Forecast(
                used: used + held, limit: limit, resetsAt: resetsAt, isMonth: kind.hasSuffix("month"))
            let isLong = kind.hasSuffix("day") || kind.hasSuffix("month")
            if isLong, let end = forecast.words(now: now) { words.append(end) }
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

/// Whether a day or a month will last, if it goes on as it went so far.
struct Forecast {
    let used: Double
    let limit: Double
    /// The midnight that ends it.
    let resetsAt: Timestamp
    let isMonth: Bool

    /// When it will be used up; nothing when it lasts, or when it is too early to say.
    func words(now: Timestamp) -> String? {
        let elapsed = Double(now.milliseconds - start.milliseconds)
        // A handful of requests in the first minutes says nothing about a day.
        guard used > 0, used < limit, elapsed >= 600_000 else { return nil }
        let end = Timestamp(milliseconds: now.milliseconds + Int64((limit - used) / used * elapsed))
        guard end < resetsAt else { return nil }
        return "at this rate used up \(isMonth ? "on \(date(end))" : "at \(time(end))")"
    }

    private static let day: Int64 = 86_400_000

    private var start: Timestamp {
        guard isMonth else { return Timestamp(milliseconds: resetsAt.milliseconds - Self.day) }
        // Twelve hours before the midnight that ends it is on its last day in every time zone, whose number is its length.
        let last = Timestamp(milliseconds: resetsAt.milliseconds - Self.day / 2).description
        let days = Int64(last.dropFirst(8).prefix(2)) ?? 30
        return Timestamp(milliseconds: resetsAt.milliseconds - days * Self.day)
    }

    /// Pacific time is 7 or 8 hours behind, and that is when its midnight is in UTC.
    private var hoursBehind: Int64? {
        let rest = resetsAt.milliseconds % Self.day
        return rest == 7 * 3_600_000 ? 7 : rest == 8 * 3_600_000 ? 8 : nil
    }

    private func local(_ time: Timestamp) -> String {
        Timestamp(milliseconds: time.milliseconds - (hoursBehind ?? 0) * 3_600_000).description
    }

    private func date(_ time: Timestamp) -> String { String(local(time).prefix(10)) }

    private func time(_ time: Timestamp) -> String {
        "\(local(time).dropFirst(11).prefix(5)) \(hoursBehind == nil ? "UTC" : "PT")"
    }
}
