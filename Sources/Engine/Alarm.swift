// When a job has to be looked at next.

import Wire

/// A time for one job; the one that counts is `LiveJob.alarm`, and others are passed over when their time comes.
struct Alarm: Comparable, Sendable {
    /// Milliseconds since 1970.
    let time: Int64
    let job: JobID

    static func < (one: Alarm, other: Alarm) -> Bool { one.time < other.time }
    static func == (one: Alarm, other: Alarm) -> Bool { one.time == other.time }
}
