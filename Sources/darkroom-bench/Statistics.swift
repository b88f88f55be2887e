// Medians, and ratios taken round by round: what is compared was measured within the same minute.

enum Statistics {
    /// The middle value, or the mean of the two middle ones; nil of nothing.
    static func median(_ values: [Double]) -> Double? {
        guard !values.isEmpty else { return nil }
        let sorted = values.sorted()
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }

    /// The median over the rounds in which both have a value of what `combine` makes of the two.
    static func median(
        _ first: [Int: Double], _ second: [Int: Double], _ combine: (Double, Double) -> Double
    ) -> Double? {
        median(first.compactMap { round, value in second[round].map { combine(value, $0) } })
    }
}

extension Duration {
    var milliseconds: Double { self / .milliseconds(1) }
    var seconds: Double { self / .seconds(1) }
}
