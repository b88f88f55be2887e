// How long bulk jobs can be kept waiting by interactive ones.

import Quota
import Testing

struct BulkTests {
    /// Three days of thrice as many interactive jobs as a day has room for, asked for evenly.
    @Test(arguments: [36, 360, 1000] as [Int64])
    func bulkHasAThirtySixthOfEachDayAtLeastAndEveryNinthStartAsLongAsTheDayHasMoreThanItsReserve(limit: Int64) {
        let midnight = instant("2026-11-22T08:00:00Z")
        let day: Int64 = 86_400_000
        var windows = Windows(spread: 0)
        windows.configure(project: "p", models: ["m": [.requestsPerDay: limit]])
        var scheduler = Scheduler<Int>(
            bounds: .init(total: 1_000_000, perPrincipal: 1_000_000), slots: ["p": 4], windows: windows)
        func ticket(_ job: Int, _ principal: UInt32, _ kind: Ticket<Int>.Class) -> Ticket<Int> {
            Ticket(job: job, principal: principal, project: "p", model: "m", class: kind)
        }
        func queue(_ ticket: Ticket<Int>) {
            scheduler.seat(ticket)
            scheduler.enqueue(ticket.job)
        }
        let bulk = ticket(0, 1, .bulk)
        for job in 0..<Int(limit) { queue(ticket(job, 1, .bulk)) }
        var next = Int(limit)
        var starts = [0, 0, 0]
        var (run, longest) = (0, 0)
        for now in stride(from: midnight + 1, to: midnight + 3 * day, by: Int64.Stride(day / limit / 3)) {
            queue(ticket(next, 2 + UInt32(next % 2), .interactive))
            next += 1
            while true {
                // What is left of the day is kept for the others.
                var isReserved = false
                if case .window(let window) = scheduler.obstacle(to: bulk, now: now) {
                    isReserved = window.kind == .requestsPerDay
                }
                guard let started = scheduler.next(now: now) else { break }
                scheduler.finish(started, .answered(costMicros: 0), now: now)
                if started.class == .bulk {
                    starts[Int((now - midnight) / day)] += 1
                    run = 0
                } else if isReserved {
                    run = 0
                } else {
                    run += 1
                    longest = max(longest, run)
                }
            }
        }
        #expect(starts.allSatisfy { $0 >= max(1, Int(limit) / 36) }, "\(starts)")
        #expect(longest <= 8)
    }
}
