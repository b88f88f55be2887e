// Many clients at once, each on a thread of its own, all let go at the same moment.

import Dispatch
import NIOPosix
import Synchronization

enum Load {
    struct Figures: Sendable {
        /// Of each exchange, in no order.
        var durations: [Duration] = []
        /// From the moment they are let go to the end of the last exchange.
        var elapsed: Duration = .zero

        var medianMilliseconds: Double? { Statistics.median(durations.map(\.milliseconds)) }
    }

    /// One client, one exchange after the other, on the calling thread.
    static func single(_ client: any ImageClient, count: Int) throws -> Figures {
        let clock = ContinuousClock()
        let start = clock.now
        var figures = Figures()
        for _ in 0..<count { figures.durations.append(try clock.measure { try client.fetch() }) }
        figures.elapsed = clock.now - start
        return figures
    }

    /// `connections` clients; each is opened and warmed by one exchange before any is let go.
    ///
    /// - Parameters:
    ///   - connections: How many clients.
    ///   - count: Exchanges of each.
    ///   - open: Makes a connected client, on the thread that will use it.
    ///   - whenWarm: Runs when all are connected and warm, before they are let go.
    /// - Returns: The figures of all clients together, without their first exchange.
    /// - Throws: The first failure of any client; the others are still waited for.
    static func concurrent(
        connections: Int, count: Int, open: @escaping @Sendable () throws -> any ImageClient,
        whenWarm: () throws -> Void = {}
    ) throws -> Figures {
        let pool = NIOThreadPool(numberOfThreads: connections)
        pool.start()
        defer { try? pool.syncShutdownGracefully() }
        let record = SharedOutcome()
        let warm = DispatchGroup()
        let done = DispatchGroup()
        let gate = DispatchSemaphore(value: 0)
        for _ in 0..<connections {
            warm.enter()
            done.enter()
            pool.submit { _ in
                defer { done.leave() }
                let client = record.catching {
                    let client = try open()
                    try client.fetch()
                    return client
                }
                warm.leave()
                gate.wait()
                guard let client, let figures = record.catching({ try single(client, count: count) }) else { return }
                record.add(figures)
            }
        }
        warm.wait()
        let preparation = Result { try whenWarm() }
        let start = ContinuousClock.now
        for _ in 0..<connections { gate.signal() }
        done.wait()
        let elapsed = ContinuousClock.now - start
        try preparation.get()
        var figures = try record.get()
        figures.elapsed = elapsed
        return figures
    }
}

/// What the threads bring back: their figures, or the first failure.
private final class SharedOutcome: Sendable {
    private let outcome = Mutex<Result<Load.Figures, any Error>>(.success(Load.Figures()))

    func add(_ figures: Load.Figures) {
        outcome.withLock { outcome in
            outcome = outcome.map { Load.Figures(durations: $0.durations + figures.durations) }
        }
    }

    func catching<Value>(_ body: () throws -> Value) -> Value? {
        do {
            return try body()
        } catch {
            outcome.withLock { outcome in
                if case .success = outcome { outcome = .failure(error) }
            }
            return nil
        }
    }

    func get() throws -> Load.Figures { try outcome.withLock { try $0.get() } }
}
