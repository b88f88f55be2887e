// What it costs to admit one more job when many are queued already: whole, with its rows on the disk, and the scheduler's
// part of it.

import ArgumentParser
import Quota

struct AdmitCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "admit", abstract: "Measure what an admission costs with many jobs queued.")

    @Option(help: "How many principals share the queue.")
    var principals: UInt32 = 100

    @Option(help: "Where the state directory is made and removed; the disk is a part of the answer.")
    var directory = "/var/tmp"

    @Option(help: "The longest queue.")
    var queued = 100_000

    func run() async throws {
        let steps = [10, 100, 1000, 10_000, 100_000].filter { $0 <= queued }
        print("| queued | whole admission, median | 99 of 100 | the same without fsync |\n|---:|---:|---:|---:|")
        for count in steps {
            let durable = try await AdmissionBench.run(queued: count, isDurable: true, in: directory)
            let loose = try await AdmissionBench.run(queued: count, isDurable: false, in: directory)
            print("| \(count) | \(durable.median.short) µs | \(durable.high.short) µs | \(loose.median.short) µs |")
        }
        print()
        print("| queued | admit and hold | expected start | take, finish and settle |\n|---:|---:|---:|---:|")
        for count in steps {
            let costs = costs(queued: count)
            print("| \(count) | \(costs.admit.short) µs | \(costs.forecast.short) µs | \(costs.turn.short) µs |")
        }
    }

    /// Medians, in microseconds, each over 1000 jobs that come to a queue of this length.
    private func costs(queued: Int) -> (admit: Double, forecast: Double, turn: Double) {
        var windows = Windows()
        windows.configure(
            project: "p",
            models: [
                "flash": [.requestsPerMinute: 1_000_000, .imagesPerMinute: 1_000_000, .requestsPerDay: 10_000_000]
            ],
            spend: [.spendPer10Minutes: 1_000_000_000_000])
        var scheduler = Scheduler<Int>(
            bounds: .init(total: .max, perPrincipal: .max), slots: ["p": 0], windows: windows)
        var ledger = Ledger<Int>()
        ledger.setBudget(Budget(perDay: 1_000_000_000_000), for: .project("p"))
        for job in 0..<queued { admit(job, &scheduler, &ledger) }
        var admits: [Double] = []
        var forecasts: [Double] = []
        var turns: [Double] = []
        for job in queued..<queued + 1000 {
            admits.append(microseconds { admit(job, &scheduler, &ledger) })
            forecasts.append(microseconds { _ = scheduler.forecast(job, usualSeconds: 12, now: now(job)) })
            scheduler.setSlots(1, project: "p")
            turns.append(
                microseconds {
                    guard let ticket = scheduler.next(now: now(job)) else { return }
                    scheduler.finish(ticket, .answered(costMicros: 67_000), now: now(job))
                    ledger.settle(ticket.job, micros: 67_000, now: now(job))
                })
            scheduler.setSlots(0, project: "p")
        }
        return (
            Statistics.median(admits) ?? 0, Statistics.median(forecasts) ?? 0, Statistics.median(turns) ?? 0
        )
    }

    private func now(_ job: Int) -> Int64 { 1_793_257_200_000 + Int64(job) }

    private func admit(_ job: Int, _ scheduler: inout Scheduler<Int>, _ ledger: inout Ledger<Int>) {
        let principal = UInt32(job) % principals
        let ticket = Ticket(
            job: job, principal: principal, project: "p", model: "flash", class: job % 2 == 0 ? .bulk : .interactive,
            demand: Demand(inputTokens: 500, holdMicros: 71_200))
        do {
            try ledger.hold(
                [job], micros: 71_200, accounts: [.principal(principal), .project("p")], now: now(job))
        } catch {
            return
        }
        if scheduler.admit(ticket, mayStart: true, now: now(job)) == .queue { scheduler.enqueue(job) }
    }

    private func microseconds(_ work: () -> Void) -> Double {
        let begun = ContinuousClock.now
        work()
        return (ContinuousClock.now - begun) / .microseconds(1)
    }
}
