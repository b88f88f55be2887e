import FoundationEssentials
import Testing
import Wire

@testable import darkroom

struct QuotaPageTests {
    @Test(arguments: [
        (0.0, 0.0, 10.0, "...................."), (0.001, 0, 10, "#..................."),
        (5, 0, 10, "##########.........."), (5, 2.5, 10, "##########+++++....."), (9.99, 0, 10, "###################."),
        (10, 0, 10, "####################"), (12, 3, 10, "####################"), (0, 0, 0, "...................."),
    ])
    func aBarIsFullOnlyWhenNothingIsLeft(used: Double, held: Double, limit: Double, bar: String) {
        #expect(QuotaPage.bar(used: used, held: held, limit: limit) == bar)
    }

    @Test(arguments: [
        // A day of winter; the days on which the clock is changed, after that and before it.
        ("2026-11-22T20:00:00Z", "2026-11-23T08:00:00Z", "at 12:00 PT"),
        ("2026-11-01T22:10:00Z", "2026-11-02T08:00:00Z", "at 14:10 PT"),
        ("2026-11-01T08:30:00Z", "2026-11-02T08:00:00Z", "at 08:30 UTC"),
        ("2027-03-14T21:10:00Z", "2027-03-15T07:00:00Z", "at 14:10 PT"),
        ("2027-03-14T09:30:00Z", "2027-03-15T07:00:00Z", "at 09:30 UTC"),
        // The midnight of another zone.
        ("2026-11-22T12:00:00Z", "2026-11-23T00:00:00Z", "at 12:00 UTC"),
    ])
    func aDayThatWillNotLastSaysWhenItEnds(endsAt: String, resetsAt: String, words: String) throws {
        #expect(try forecast(endsAt, resetsAt, isMonth: false).words == words)
    }

    @Test func aMonthThatWillNotLastSaysOnWhichDay() throws {
        #expect(try forecast("2026-11-21T06:00:00Z", "2026-12-01T08:00:00Z", isMonth: true).words == "on 2026-11-20")
    }

    private func forecast(_ endsAt: String, _ resetsAt: String, isMonth: Bool) throws -> Forecast {
        Forecast(endsAt: try time(endsAt), resetsAt: try time(resetsAt), isMonth: isMonth)
    }

    private func time(_ text: String) throws -> Timestamp { Timestamp(try Date(text, strategy: .iso8601)) }
}
