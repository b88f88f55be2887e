// Numbers that go up, and how they are written down.

/// Counters and histograms by family and labels.
struct MetricValues: Sendable {
    struct Histogram: Sendable {
        /// By bucket, the last for what is beyond all of them.
        var counts: [Int]
        var sum = 0.0
    }

    private var numbers: [MetricFamily: [MetricLabels: Double]] = [:]
    private var histograms: [MetricFamily: [MetricLabels: Histogram]] = [:]

    mutating func add(_ amount: Double = 1, to family: MetricFamily, _ labels: MetricLabels = [:]) {
        numbers[family, default: [:]][labels, default: 0] += amount
    }

    mutating func set(_ value: Double, _ family: MetricFamily, _ labels: MetricLabels = [:]) {
        numbers[family, default: [:]][labels] = value
    }

    mutating func observe(_ seconds: Double, in family: MetricFamily, _ labels: MetricLabels = [:]) {
        let empty = Histogram(counts: Array(repeating: 0, count: family.buckets.count + 1))
        let bucket = family.buckets.firstIndex { seconds <= $0 } ?? family.buckets.count
        histograms[family, default: [:]][labels, default: empty].counts[bucket] += 1
        histograms[family, default: [:]][labels, default: empty].sum += seconds
    }

    /// OpenMetrics 1.0, whole.
    func text() -> String {
        var lines: [String] = []
        for family in MetricFamily.all {
            lines.append("# TYPE \(family.name) \(family.kind.rawValue)")
            lines.append("# HELP \(family.name) \(family.help)")
            let suffix =
                switch family.kind {
                case .counter: "_total"
                case .info: "_info"
                case .gauge, .histogram: ""
                }
            for (labels, value) in Self.sorted(numbers[family] ?? [:]) {
                lines.append("\(family.name)\(suffix)\(labels.written()) \(Self.number(value))")
            }
            for (labels, histogram) in Self.sorted(histograms[family] ?? [:]) {
                lines += Self.lines(of: histogram, family, labels)
            }
        }
        return lines.joined(separator: "\n") + "\n# EOF\n"
    }

    private static func lines(of histogram: Histogram, _ family: MetricFamily, _ labels: MetricLabels) -> [String] {
        var lines: [String] = []
        var count = 0
        for (bound, own) in zip(family.buckets.map(number) + ["+Inf"], histogram.counts) {
            count += own
            lines.append("\(family.name)_bucket\(labels.written("le=\"\(bound)\"")) \(count)")
        }
        return lines + [
            "\(family.name)_count\(labels.written()) \(count)",
            "\(family.name)_sum\(labels.written()) \(number(histogram.sum))",
        ]
    }

    private static func sorted<Value>(_ values: [MetricLabels: Value]) -> [(MetricLabels, Value)] {
        values.map { ($0.key, $0.value) }.sorted { $0.0.written() < $1.0.written() }
    }

    private static func number(_ value: Double) -> String {
        value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"
    }
}
