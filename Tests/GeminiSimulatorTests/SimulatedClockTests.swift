// The day of the quota, beside what the system knows of Los Angeles.

import Foundation
import Testing

@testable import GeminiSimulator

struct SimulatedClockTests {
    @Test func everyHourOfTenYearsIsOnTheRightDay() throws {
        var pacific = Calendar(identifier: .gregorian)
        pacific.timeZone = try #require(TimeZone(identifier: "America/Los_Angeles"))
        let zone = pacific.timeZone
        var wrong: [Date] = []
        for hour in stride(from: 1_735_689_600, to: 1_735_689_600 + 10 * 365 * 86400, by: 3600) {
            let date = Date(timeIntervalSince1970: Double(hour))
            let day = Int((Double(hour) + Double(zone.secondsFromGMT(for: date))) / 86400)
            if date.pacificDay != day { wrong.append(date) }
        }
        #expect(wrong == [])
    }

    @Test func aTimestampHasMicrosecondsInUTC() {
        #expect(Date(timeIntervalSince1970: 1_795_351_875.25).timestamp == "2026-11-22T12:51:15.250000Z")
    }
}
