// New job ids: 48 bits of milliseconds, 80 random bits, as 26 lower-case characters of Crockford's base 32 (the layout
// of a ULID, https://github.com/ulid/spec): they sort by time and cannot be guessed.

package import Wire

extension JobID {
    private static let digits = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

    /// What sorts before every id that was made at a time or later, and behind all that were made earlier.
    static func earliest(at time: Timestamp) -> JobID {
        JobID(rawValue: String(decoding: characters(of: time), as: UTF8.self))
    }

    private static func characters(of time: Timestamp) -> [UInt8] {
        stride(from: 45, through: 0, by: -5).map { shift in
            digits[Int(truncatingIfNeeded: time.milliseconds >> Int64(shift)) & 31]
        }
    }

    /// Makes an id that nobody else has.
    package static func make(at time: Timestamp) -> JobID {
        var generator = SystemRandomNumberGenerator()
        var characters = characters(of: time)
        characters.reserveCapacity(26)
        for _ in 0..<2 {
            let random = generator.next()
            for shift in stride(from: 35, through: 0, by: -5) {
                characters.append(digits[Int(truncatingIfNeeded: random >> UInt64(shift)) & 31])
            }
        }
        return JobID(rawValue: String(decoding: characters, as: UTF8.self))
    }
}
