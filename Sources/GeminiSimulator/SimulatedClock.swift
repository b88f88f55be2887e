// The simulator's own time: that of the machine, or faster, or ahead of it, as who tests it likes.

import FoundationEssentials
import Synchronization

/// Time that can be compressed and moved; tokens, files and quotas go by it.
final class SimulatedClock: Sendable {
    private struct State {
        var scale = 1.0
        /// Machine time and simulated time of the last change.
        var real = Date.now
        var simulated = Date.now

        func now() -> Date { simulated + Date.now.timeIntervalSince(real) * scale }
    }

    private let state = Mutex(State())

    var now: Date { state.withLock { $0.now() } }

    var scale: Double { state.withLock { $0.scale } }

    /// Changes the pace from now on, and jumps.
    ///
    /// - Parameters:
    ///   - scale: Simulated seconds in one of the machine's; nil leaves it.
    ///   - seconds: How far to jump, in simulated seconds, either way.
    func set(scale: Double?, jump seconds: Double) {
        state.withLock { state in
            state.simulated = state.now() + seconds
            state.real = Date.now
            if let scale, scale > 0 { state.scale = scale }
        }
    }
}

extension Date {
    /// RFC 3339 in UTC with microseconds, as the API writes times.
    var timestamp: String {
        let seconds = timeIntervalSince1970.rounded(.down)
        let whole = Date(timeIntervalSince1970: seconds).ISO8601Format()
        let micros = String(Int((timeIntervalSince1970 - seconds) * 1_000_000))
        return whole.dropLast() + "." + String(repeating: "0", count: max(0, 6 - micros.count)) + micros + "Z"
    }

    /// As the header `Date` has it: `Sun, 06 Nov 1994 08:49:37 GMT`.
    var httpDate: String {
        let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        // 1970-01-01 was a Thursday.
        let day = days[Int((timeIntervalSince1970 / 86_400).rounded(.down)) % 7]
        let parts = ISO8601Format().dropLast().split { $0 == "-" || $0 == "T" }.map(String.init)
        let month = Int(parts[1]).map { months[$0 - 1] } ?? ""
        return "\(day), \(parts[2]) \(month) \(parts[0]) \(parts[3]) GMT"
    }

    /// The day in Los Angeles, counted from 1970-01-01: a day of the quota.
    ///
    /// Daylight saving time is that of the USA since 2007: from the second Sunday of March, 10:00 UTC, to the first
    /// Sunday of November, 9:00 UTC. FoundationEssentials knows no time zones.
    var pacificDay: Int {
        let seconds = Int(timeIntervalSince1970.rounded(.down))
        return (seconds - Self.pacificOffset(seconds)).quotient(by: 86400)
    }

    /// Seconds until the next day of the quota.
    var secondsToPacificMidnight: Double {
        let local = timeIntervalSince1970 - Double(Self.pacificOffset(Int(timeIntervalSince1970.rounded(.down))))
        return 86400 - local.truncatingRemainder(dividingBy: 86400)
    }

    private static func pacificOffset(_ seconds: Int) -> Int {
        let day = seconds.quotient(by: 86400)
        // Days of a month from those since 1970: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
        let shifted = day + 719_468
        let era = shifted.quotient(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        // The year begins on the first of March here; November begins on day 245 of it.
        let marchFirst = day - dayOfYear
        let start = (marchFirst + sundayOffset(marchFirst) + 7) * 86400 + 10 * 3600
        let end = (marchFirst + 245 + sundayOffset(marchFirst + 245)) * 86400 + 9 * 3600
        return (start..<end).contains(seconds) ? 7 * 3600 : 8 * 3600
    }

    /// Days from a day to the next Sunday, 0 for a Sunday; 1970-01-01 was a Thursday.
    private static func sundayOffset(_ day: Int) -> Int { (6 - (day + 3) % 7) % 7 }
}

extension Int {
    fileprivate func quotient(by divisor: Int) -> Int {
        self >= 0 ? self / divisor : -((-self + divisor - 1) / divisor)
    }
}
