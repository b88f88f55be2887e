// Days and months of a time zone, which are what daily and monthly limits are reckoned by.
//
// Full Foundation: FoundationEssentials knows no zone but those of a fixed offset.

import Foundation

/// Where the days and months of one zone begin and end, in milliseconds since 1970.
///
/// A day has 23 or 25 hours where the clock changes.
package struct CivilCalendar: Sendable {
    /// Google's quota days are those of its head office (https://ai.google.dev/gemini-api/docs/rate-limits, read
    /// 2026-11-22).
    package static let pacificZone = "America/Los_Angeles"

    private let calendar: Calendar
    /// The last answer of each kind: nearly every question is about the same day.
    private var day: Range<Int64> = 0..<0
    private var month: Range<Int64> = 0..<0

    /// Nil when this machine knows no such zone.
    ///
    /// - Parameter zone: A name of the time zone database, such as `America/Los_Angeles`.
    package init?(zone: String) {
        guard let zone = TimeZone(identifier: zone) else { return nil }
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = zone
        self.calendar = calendar
    }

    /// The days of a fixed offset, for a machine without a time zone database.
    ///
    /// - Parameter secondsFromGMT: Within 18 hours; GMT otherwise.
    package init(secondsFromGMT: Int) {
        var calendar = Calendar(identifier: .gregorian)
        calendar.timeZone = TimeZone(secondsFromGMT: secondsFromGMT) ?? .gmt
        self.calendar = calendar
    }

    /// Google's days; Pacific standard time all year on a machine that does not know the zone.
    package static var pacific: CivilCalendar {
        CivilCalendar(zone: pacificZone) ?? CivilCalendar(secondsFromGMT: -8 * 3600)
    }

    /// The day that a moment is in.
    package mutating func day(at time: Int64) -> Range<Int64> {
        if !day.contains(time) { day = range(of: .day, at: time) }
        return day
    }

    package mutating func month(at time: Int64) -> Range<Int64> {
        if !month.contains(time) { month = range(of: .month, at: time) }
        return month
    }

    private func range(of component: Calendar.Component, at time: Int64) -> Range<Int64> {
        let date = Date(timeIntervalSince1970: Double(time) / 1000)
        guard let interval = calendar.dateInterval(of: component, for: date) else { return time..<time + 1 }
        return milliseconds(interval.start)..<milliseconds(interval.end)
    }

    private func milliseconds(_ date: Date) -> Int64 { Int64((date.timeIntervalSince1970 * 1000).rounded()) }
}
