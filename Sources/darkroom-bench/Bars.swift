// What Darkroom has set itself, and whether a run reached it.

/// One promise about speed or size.
struct Bar {
    enum Rule {
        case atMost(Double)
        case atLeast(Double)
        /// A multiple of another contender's figure, round by round.
        case times(Double, Contender)
        /// In the measure's unit, over another contender's figure, round by round.
        case over(Double, Contender)
    }

    let series: Series
    let rule: Rule

    init(_ measure: Measure, _ contender: Contender, _ rule: Rule) {
        series = Series(measure, contender)
        self.rule = rule
    }

    static let all = [
        Bar(.warm4KLatency, .daemon(.fd, .memory), .times(1.25, .nginx)),
        Bar(.warm4KLatency, .daemon(.fd, .memory), .times(0.35, .liteLLM)),
        Bar(.warm4KProcessor, .daemon(.fd, .memory), .times(1.25, .nginx)),
        Bar(.peakMemory, .daemon(.fd, .memory), .atMost(96)),
        Bar(.peakMemory, .daemon(.inline, .memory), .atMost(96)),
        Bar(.tinyLatency, .daemon(.fd, .disk), .over(3, .direct)),
        Bar(.tinyRate, .daemon(.fd, .disk), .atLeast(1_500)),
        Bar(.fresh4K, .command, .times(0.2, .pipeline)),
        Bar(.fresh4K, .command, .times(0.05, .script)),
        Bar(.fresh1K, .command, .times(0.35, .pipeline)),
        Bar(.fresh1K, .command, .times(0.02, .script)),
        Bar(.link4K, .daemon(.fd, .memory), .times(1.25, .curlReused)),
        Bar(.startEmpty, .daemon(.fd, .disk), .atMost(50)),
        Bar(.startFull, .daemon(.fd, .disk), .atMost(300)),
        Bar(.idleMemory, .daemon(.fd, .disk), .atMost(32)),
        Bar(.heldMemory, .daemon(.fd, .disk), .atMost(120)),
        Bar(.version, .command, .atMost(10)),
    ]

    /// What was measured against the bar, in words, and whether it is within; nil where a figure is missing.
    func judge(_ results: Results) -> (goal: String, measured: String, isReached: Bool)? {
        let unit = series.measure.unit
        switch rule {
        case .atMost(let limit):
            return results.median(series).map {
                ("at most \(limit.short) \(unit)", "\($0.short) \(unit)", $0 <= limit)
            }
        case .atLeast(let limit):
            return results.median(series).map {
                ("at least \(limit.short) \(unit)", "\($0.short) \(unit)", $0 >= limit)
            }
        case .times(let limit, let other):
            return results.ratio(series, Series(series.measure, other)).map {
                ("at most \(limit.short) × \(other.title)", "\($0.short) ×", $0 <= limit)
            }
        case .over(let limit, let other):
            return results.difference(series, Series(series.measure, other)).map {
                ("at most \(limit.short) \(unit) over \(other.title)", "\($0.short) \(unit) over", $0 <= limit)
            }
        }
    }
}
