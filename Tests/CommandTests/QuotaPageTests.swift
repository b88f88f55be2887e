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

    /// 2026-11-23T08:00:00Z is midnight in California.
    private func words(_ used: Double, _ hour: Int64, isMonth: Bool = false) -> String? {
        let midnight = Timestamp(milliseconds: 1_795_420_800_000)
        let forecast = Forecast(used: used, limit: 100, resetsAt: midnight, isMonth: isMonth)
        return forecast.words(now: Timestamp(milliseconds: midnight.milliseconds - (24 - hour) * 3_600_000))
    }

    @Test func aDayThatWillNotLastSaysWhenItEnds() {
        #expect(words(50, 6) == "at this rate used up at 12:00 PT")
        #expect(words(25, 6) == nil)
        #expect(words(100, 6) == nil)
        #expect(words(0, 6) == nil)
        #expect(words(50, 0) == nil)
    }

    /// November has 30 days: 31 would make this month's first day the day before.
    @Test func aMonthIsAsLongAsItIs() {
        let end = Timestamp(milliseconds: 1_796_112_000_000)
        #expect(end.description == "2026-12-01T08:00:00Z")
        let now = Timestamp(milliseconds: end.milliseconds - 20 * 86_400_000)
        #expect(
            Forecast(used: 50, limit: 100, resetsAt: end, isMonth: true).words(now: now)
                == "at this rate used up on 2026-11-21")
    }

    @Test func aZoneThatIsNotPacificIsToldInUTC() {
        let end = Timestamp(milliseconds: 1_795_420_800_000 - 8 * 3_600_000)
        let now = Timestamp(milliseconds: end.milliseconds - 18 * 3_600_000)
        #expect(
            Forecast(used: 50, limit: 100, resetsAt: end, isMonth: false).words(now: now)
                == "at this rate used up at 12:00 UTC")
    }
}
