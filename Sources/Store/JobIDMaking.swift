// New job ids: 48 bits of milliseconds, 80 random bits, as 26 lower-case characters of Crockford's base 32 (the layout
// of a ULID, https://github.com/ulid/spec): they sort by time and cannot be guessed.

package import Wire

extension JobID {
    private static let digits = Array("0123456789abcdefghjkmnpqrstvwxyz".utf8)

    /// Makes an id that nobody else has.
    package static func make(at time: Timestamp) -> JobID {
        var generator = SystemRandomNumberGenerator()
        var characters: [UInt8] = []
        characters.reserveCapacity(26)
        for shift in stride(from: 45, through: 0, by: -5) {
            characters.append(digits[Int(truncatingIfNeeded: time.milliseconds >> Int64(shift)) & 31])
        }
        for _ in 0..<2 {
            let random = generator.next()
            for shift in stride(from: 35, through: 0, by: -5) {
                characters.append(digits[Int(truncatingIfNeeded: random >> UInt64(shift)) & 31])
            }
        }
        return JobID(rawValue: String(decoding: characters, as: UTF8.self))
    }
}
