// One line: the jobs of one principal for one model in one class, first come first served.

/// Jobs in the order of their arrival; withdrawn ones stay until their turn, or until they are the greater part.
struct Line<Job: Hashable & Sendable>: Sendable {
    struct Entry: Sendable {
        let job: Job
        let arrival: Int
    }

    /// Withdrawn jobs that a line bears beside as many as it has others; fewer are not worth a walk.
    private static var goneCount: Int { 32 }

    /// Those that came back, the next one last.
    private var returned: [Entry] = []
    private var entries: [Entry] = []
    private var head = 0
    /// Withdrawn jobs that still have an entry.
    private var gone = 0

    var count: Int { entryCount - gone }
    var entryCount: Int { returned.count + entries.count - head }

    var first: Entry? { returned.last ?? (head < entries.count ? entries[head] : nil) }

    /// Takes an entry whose arrival is later than all others, or, if negative, earlier.
    mutating func append(_ entry: Entry) {
        if entry.arrival < 0 { returned.append(entry) } else { entries.append(entry) }
    }

    mutating func popFirst() -> Job? {
        guard let entry = first else { return nil }
        if returned.popLast() != nil { return entry.job }
        head += 1
        // Moved down when half is behind: amortised constant.
        if head > 32, head * 2 > entries.count {
            entries.removeFirst(head)
            head = 0
        }
        return entry.job
    }

    mutating func dropGone() {
        if popFirst() != nil { gone -= 1 }
    }

    /// Takes note that one of its jobs was withdrawn; a walk over all when most are, so amortised constant.
    mutating func forgetOne(isLined: (Entry) -> Bool) {
        gone += 1
        guard gone > Self.goneCount + count else { return }
        returned.removeAll { !isLined($0) }
        entries = entries[head...].filter(isLined)
        head = 0
        gone = 0
    }

    /// How many stand before this one, withdrawn jobs counted until they are dropped.
    func ahead(of ticket: Ticket<Job>) -> Int {
        guard let arrival = ticket.arrival else { return 0 }
        // Both are sorted: the first index whose arrival is not below, by halving.
        var low = head
        var high = entries.count
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].arrival < arrival { low = middle + 1 } else { high = middle }
        }
        let before = arrival < 0 ? returned.count { $0.arrival < arrival } : returned.count + low - head
        return min(before, max(0, count - 1))
    }
}
