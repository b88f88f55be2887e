// Telling a wall clock that was set from time that went by.

/// Compares the wall clock with one that only goes forwards.
///
/// The latter must go on while the machine is suspended (`CLOCK_BOOTTIME`), so that a suspend is time that went by. A
/// clock that is slewed is noticed once it has been moved by the tolerance.
package struct ClockWatch: Sendable {
    /// Smaller differences are those of reading two clocks one after the other.
    package static let tolerance: Int64 = 500

    private var offset: Int64

    /// - Parameters:
    ///   - wall: Milliseconds since 1970.
    ///   - steady: Milliseconds since any moment.
    package init(wall: Int64, steady: Int64) { offset = wall - steady }

    /// By how many milliseconds the wall clock was set since the last step; nil when it was not.
    package mutating func step(wall: Int64, steady: Int64) -> Int64? {
        let step = wall - steady - offset
        guard abs(step) > Self.tolerance else { return nil }
        offset += step
        return step
    }
}
