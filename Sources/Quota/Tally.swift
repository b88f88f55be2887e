// What was used, and when, in few enough buckets that a month of it is small.

/// Amounts by time; knows the sum of those after a moment that moves.
///
/// Times are rounded up to the resolution, so an amount counts a little longer than it must and never shorter.
struct Tally: Sendable {
    struct Bucket: Sendable, Equatable {
        var time: Int64
        var amount: Int64
    }

    let resolution: Int64
    /// How long a bucket is kept after it has left the sum: the clock may be set back.
    let retention: Int64
    private var buckets: [Bucket] = []
    /// Buckets before this one are forgotten.
    private var head = 0
    /// The first bucket of the sum.
    private var first = 0
    private(set) var sum: Int64 = 0

    init(resolution: Int64, retention: Int64) {
        self.resolution = resolution
        self.retention = retention
    }

    /// The buckets of the sum, oldest first.
    var counted: ArraySlice<Bucket> { buckets[first...] }

    /// Adds an amount at a time; the time of the bucket it went to.
    ///
    /// The time must be later than the start that was last given to `advance`.
    @discardableResult
    mutating func add(_ amount: Int64, at time: Int64) -> Int64 {
        let rounded = (time + resolution - 1) / resolution * resolution
        sum += amount
        if let last = buckets.last, last.time >= rounded, first < buckets.count {
            buckets[buckets.count - 1].amount += amount
            return last.time
        }
        buckets.append(Bucket(time: rounded, amount: amount))
        return rounded
    }

    /// Adds an amount at a time that may be earlier than others; linear in how many are later, for rebuilding.
    mutating func insert(_ amount: Int64, at time: Int64) {
        let rounded = (time + resolution - 1) / resolution * resolution
        let place = buckets[head...].lastIndex { $0.time < rounded }.map { $0 + 1 } ?? head
        if place < buckets.count, buckets[place].time == rounded {
            buckets[place].amount += amount
            if place >= first { sum += amount }
        } else {
            buckets.insert(Bucket(time: rounded, amount: amount), at: place)
            // It counts at first; the next `advance` decides.
            if place < first { first += 1 } else { sum += amount }
        }
    }

    /// Takes back what was added to a bucket, if the bucket is still there.
    mutating func takeBack(_ amount: Int64, from time: Int64) {
        guard let place = buckets[head...].lastIndex(where: { $0.time == time }) else { return }
        let taken = min(amount, buckets[place].amount)
        buckets[place].amount -= taken
        if place >= first { sum -= taken }
    }

    /// Counts only what is later than `start`, which may also be earlier than the last one.
    mutating func advance(to start: Int64) {
        while first < buckets.count, buckets[first].time <= start {
            sum -= buckets[first].amount
            first += 1
        }
        while first > head, buckets[first - 1].time > start {
            first -= 1
            sum += buckets[first].amount
        }
    }

    /// Forgets what has left the sum longer ago than the retention; apart from `advance`, so that a copy on which
    /// only that is called shares the buckets.
    mutating func prune(before start: Int64) {
        while head < first, buckets[head].time + retention <= start { head += 1 }
        guard head > 64, head * 2 > buckets.count else { return }
        buckets.removeFirst(head)
        first -= head
        head = 0
    }

    /// The bucket after whose leaving at least `amount` has left; nil when all that is counted is less.
    func leaving(_ amount: Int64) -> Int64? {
        var left: Int64 = 0
        for bucket in counted {
            left += bucket.amount
            if left >= amount { return bucket.time }
        }
        return nil
    }

    /// Moves all times: the clock was set.
    mutating func shift(by step: Int64) {
        for place in buckets.indices { buckets[place].time += step }
    }
}
