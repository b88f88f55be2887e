// The figures as Markdown: one table of what was measured, one of what was promised.

import FoundationEssentials

/// What a run says at its end.
struct Report {
    let results: Results
    let rounds: Int
    let machine: [String]
    /// Things that a reader of the figures has to know: who was missing, what was disturbed.
    let notes: [String]

    var markdown: String {
        (["# darkroom-bench compare", ""] + machine.map { "- \($0)" } + ["- rounds: \(rounds), contenders interleaved"]
            + ["", "## Figures", ""] + figures + ["", "## Bars", ""] + bars
            + ["", "## Notes", ""] + (Self.method + notes).map { "- \($0)" } + [""])
            .joined(separator: "\n")
    }

    private var figures: [String] {
        var lines = [
            "| measure | contender | median | least to most | darkroom to it |", "|---|---|---:|---:|---:|",
        ]
        for measure in Measure.allCases {
            let series = results.order.filter { $0.measure == measure }
            let reference = Bar.all.first { $0.series.measure == measure && !results[$0.series].isEmpty }?.series
            for one in series {
                guard let median = results.median(one), let least = results[one].values.min(),
                    let most = results[one].values.max()
                else { continue }
                let ratio = reference.flatMap { $0 == one ? nil : results.ratio($0, one) }
                lines.append(
                    "| \(measure.title) | \(one.contender.title) | \(median.short) \(measure.unit) "
                        + "| \(least.short) to \(most.short) | \(ratio.map { "\($0.short) ×" } ?? "") |")
            }
        }
        return lines
    }

    private var bars: [String] {
        var lines = ["| measure | contender | goal | measured | |", "|---|---|---|---:|---|"]
        for bar in Bar.all where !results[bar.series].isEmpty {
            let start = "| \(bar.series.measure.title) | \(bar.series.contender.title) |"
            if let verdict = bar.judge(results) {
                lines.append(
                    "\(start) \(verdict.goal) | \(verdict.measured) | \(verdict.isReached ? "reached" : "missed") |")
            } else {
                lines.append("\(start) | | not measured: the other is missing |")
            }
        }
        return lines
    }

    private static let method = [
        "Every answer was checked: the image's length and its signature. Ratios are medians of the rounds' ratios.",
        "MB are millions of bytes. A range is over the rounds, each of which is a median of many requests.",
        "The upstream is gemini-simulator with recorded answers, over TLS on loopback; its own encryption is the floor "
            + "of every latency.",
        "The images are PNGs of noise (71 B, 1.6, 6.4 and 20.7 MB), coded with Huffman codes alone.",
        "Processor time is that of the contender's processes and of the client; a \"decoding client\" decodes base64 "
            + "as it arrives, with the SIMD code that the daemon has.",
        "\"State without fsync cost\" is in /dev/shm; \"on disk\" every row of a job is durable before it counts.",
    ]
}

extension Double {
    /// Three digits, or all before the point: `0.0123`, `1.25`, `17.9`, `1528`.
    var short: String {
        guard isFinite else { return "-" }
        let digits = magnitude >= 100 || self == 0 ? 0 : magnitude >= 10 ? 1 : magnitude >= 1 ? 2 : 3
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let scaled = Int((magnitude * scale).rounded())
        let sign = self < 0 ? "-" : ""
        guard digits > 0 else { return "\(sign)\(scaled)" }
        let fraction = String(scaled % Int(scale))
        return "\(sign)\(scaled / Int(scale)).\(String(repeating: "0", count: digits - fraction.count))\(fraction)"
    }
}
