// Jobs whose deadline comes while they are queued.

/// Times of jobs, the next one first; those of jobs that have left are passed over when their time comes.
package struct DeadlineQueue<Job: Hashable & Sendable>: Sendable {
    package struct Entry: Sendable {
        /// Milliseconds, on whichever clock the queue is used with.
        package var time: Int64
        package let job: Job

        package init(time: Int64, job: Job) {
            self.time = time
            self.job = job
        }
    }

    /// A binary heap.
    private var entries: [Entry] = []

    package var count: Int { entries.count }
    package var first: Entry? { entries.first }

    package init() {}

    package mutating func add(_ entry: Entry) {
        entries.append(entry)
        var place = entries.count - 1
        while place > 0, entries[place].time < entries[(place - 1) / 2].time {
            entries.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    package mutating func popFirst() -> Entry? {
        guard let first = entries.first, let last = entries.popLast() else { return nil }
        guard !entries.isEmpty else { return first }
        entries[0] = last
        sift(from: 0)
        return first
    }

    private mutating func sift(from start: Int) {
        var place = start
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2] where child < entries.count {
                if entries[child].time < entries[least].time { least = child }
            }
            guard least != place else { return }
            entries.swapAt(place, least)
            place = least
        }
    }

    /// Drops what does not count any more; linear.
    package mutating func keep(_ isKept: (Entry) -> Bool) {
        entries.removeAll { !isKept($0) }
        for place in stride(from: entries.count / 2, through: 0, by: -1) where place < entries.count {
            sift(from: place)
        }
    }

    mutating func shift(by step: Int64) {
        for place in entries.indices { entries[place].time += step }
    }
}

extension Scheduler {
    mutating func setDeadline(_ time: Int64, of job: Job) {
        deadlines.add(DeadlineQueue.Entry(time: time, job: job))
        // Amortised constant: as many have been added since the last time.
        if deadlines.count > 64 + 2 * tickets.count {
            let tickets = tickets
            deadlines.keep { tickets[$0.job]?.deadline == $0.time }
        }
    }

    /// Takes out the queued jobs whose deadline has come.
    package mutating func expire(now: Int64) -> [Ticket<Job>] {
        var expired: [Ticket<Job>] = []
        while let entry = deadlines.first, entry.time <= now {
            _ = deadlines.popFirst()
            guard let ticket = tickets[entry.job], ticket.deadline == entry.time else { continue }
            withdraw(entry.job)
            expired.append(ticket)
        }
        return expired
    }

    /// When `expire` has something to do again, or earlier.
    package var nextDeadline: Int64? { deadlines.first?.time }
}
