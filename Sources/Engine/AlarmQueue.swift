// Which job has to be looked at next: a heap of times. A job's earlier entries are not removed but left behind: an
// entry counts only while the job still has that time.

import Wire

/// The times at which jobs have to be looked at, earliest first.
struct AlarmQueue: Sendable {
    struct Entry: Sendable {
        let time: Int64
        let job: JobID
    }

    private var heap: [Entry] = []

    var first: Entry? { heap.first }
    var count: Int { heap.count }

    mutating func add(_ entry: Entry) {
        heap.append(entry)
        var child = heap.count - 1
        while child > 0, heap[child].time < heap[(child - 1) / 2].time {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    mutating func popFirst() -> Entry? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        guard !heap.isEmpty else { return first }
        heap[0] = last
        sift(0)
        return first
    }

    /// Drops the entries that no longer count; called when most do not.
    mutating func keep(_ counts: (Entry) -> Bool) {
        heap.removeAll { !counts($0) }
        for parent in stride(from: heap.count / 2, through: 0, by: -1) where parent < heap.count { sift(parent) }
    }

    private mutating func sift(_ start: Int) {
        var parent = start
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
                if heap[child].time < heap[least].time { least = child }
            }
            guard least != parent else { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
