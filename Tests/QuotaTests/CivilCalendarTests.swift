// Google's day, on ordinary days and on the two that are not.

import FoundationEssentials
import Quota
import Testing

/// Milliseconds of an instant such as `2026-11-01T07:00:00Z`.
func instant(_ text: String) -> Int64 {
    (try? Date(text, strategy: .iso8601)).map { Int64($0.timeIntervalSince1970 * 1000) } ?? 0
}

struct CivilCalendarTests {
    @Test(arguments: [
        ("2026-11-22T20:00:00Z", "2026-11-22T08:00:00Z", "2026-11-23T08:00:00Z"),
        ("2026-07-01T06:59:59Z", "2026-06-30T07:00:00Z", "2026-07-01T07:00:00Z"),
        // 23 hours: the clock goes forward.
        ("2026-03-08T12:00:00Z", "2026-03-08T08:00:00Z", "2026-03-09T07:00:00Z"),
        // 25 hours: it goes back.
        ("2026-11-01T12:00:00Z", "2026-11-01T07:00:00Z", "2026-11-02T08:00:00Z"),
    ])
    func aDayGoesFromMidnightToMidnightInCalifornia(time: String, start: String, end: String) {
        var calendar = CivilCalendar.pacific
        #expect(calendar.day(at: instant(time)) == instant(start)..<instant(end))
    }

    @Test func aMonthGoesOverTheChangeOfTheClock() {
        var calendar = CivilCalendar.pacific
        let month = calendar.month(at: instant("2026-11-22T20:00:00Z"))
        #expect(month == instant("2026-11-01T07:00:00Z")..<instant("2026-12-01T08:00:00Z"))
    }

    @Test func aZoneThatDoesNotExistIsNoCalendar() {
        #expect(CivilCalendar(zone: "America/Los_Angelos") == nil)
        #expect(CivilCalendar(zone: "Europe/Berlin") != nil)
    }

    /// The reason why this target imports the whole of Foundation: without it the zone is not known.
    @Test func theZoneNeedsTheWholeOfFoundation() {
        var calendar = CivilCalendar.pacific
        let winter = calendar.day(at: instant("2026-01-10T12:00:00Z"))
        let summer = calendar.day(at: instant("2026-07-10T12:00:00Z"))
        #expect([winter.lowerBound % 86_400_000, summer.lowerBound % 86_400_000] == [8 * 3_600_000, 7 * 3_600_000])
    }
}
