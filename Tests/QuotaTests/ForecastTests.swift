// What a queued job is told of its start, against when it starts.

import Quota
import Testing

struct ForecastTests {
    private struct Played {
        var told: [(job: Int, at: Int64, seconds: Double)] = []
        var started: [Int: Int64] = [:]

        /// How far off each was, of those that had over a minute to wait.
        var errors: [Double] {
            told.compactMap { told in
                guard let start = started[told.job] else { return nil }
                let waited = Double(start - told.at) / 1000
                return waited < 60 ? nil : abs(told.seconds - waited) / waited
            }
        }
    }

    /// A thousand bulk jobs at once and an interactive one every `pause` milliseconds, until all bulk has started; looked
    /// at every `step` milliseconds.
    private func play(limits: Limits, pause: Int64?, step: Int64) -> Played {
        // Midnight in California.
        let begin: Int64 = 1_793_257_200_000
        var windows = Windows()
        windows.configure(project: "p", models: ["m": limits], spend: [:])
        var scheduler = Scheduler<Int>(
            bounds: .init(total: 5000, perPrincipal: 5000), slots: ["p": 4], windows: windows)
        var played = Played()
        for job in 0..<1000 {
            let ticket = Ticket(job: job, principal: 1, project: "p", model: "m", class: .bulk)
            if scheduler.admit(ticket, mayStart: false, now: begin) == .queue { scheduler.enqueue(job) }
        }
        var ends: [(at: Int64, ticket: Ticket<Int>)] = []
        var now = begin
        var interactive = 1_000_000
        var nextInteractive = pause.map { begin + $0 } ?? .max
        var bulkStarted = 0
        while bulkStarted < 1000 {
            while let index = ends.firstIndex(where: { $0.at <= now }) {
                scheduler.finish(ends.remove(at: index).ticket, .answered(costMicros: 0), now: now)
            }
            if now >= nextInteractive {
                let ticket = Ticket(job: interactive, principal: 2, project: "p", model: "m", class: .interactive)
                if scheduler.admit(ticket, mayStart: false, now: now) == .queue { scheduler.enqueue(interactive) }
                interactive += 1
                nextInteractive = now + (pause ?? 0)
            }
            while let next = scheduler.next(now: now) {
                played.started[next.job] = now
                if next.class == .bulk { bulkStarted += 1 }
                scheduler.measured(seconds: 10, project: "p", model: "m")
                ends.append((now + 10_000, next))
            }
            if (now - begin) % 3_600_000 == 0 {
                for job in stride(from: 50, to: 1000, by: 190) where played.started[job] == nil {
                    guard let seconds = scheduler.forecast(job, usualSeconds: 10, now: now)?.startsInSeconds
                    else { continue }
                    played.told.append((job, now, seconds))
                }
            }
            now += step
        }
        return played
    }

    @Test func slotsAndAMinutesLimitAreToldRightWithinAFifth() {
        let played = play(limits: [.requestsPerMinute: 12], pause: nil, step: 500)
        #expect(played.errors.count >= 4)
        #expect(played.errors.allSatisfy { $0 <= 0.2 }, "\(played.errors)")
    }

    @Test func aDayThatIsSpreadIsToldRightWithinAFifth() {
        let played = play(limits: [.requestsPerMinute: 12, .requestsPerDay: 600], pause: 300_000, step: 5000)
        #expect(played.errors.count >= 20)
        #expect(played.errors.sorted()[played.errors.count * 9 / 10] <= 0.2, "\(played.errors)")
    }
}
