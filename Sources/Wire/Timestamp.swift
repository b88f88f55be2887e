// Points in time on the wire: RFC 3339, UTC, milliseconds where there are any.

public import FoundationEssentials

/// A point in time, in whole milliseconds since 1970.
public struct Timestamp: Sendable, Hashable, Comparable, CustomStringConvertible {
    public let milliseconds: Int64

    public init(milliseconds: Int64) { self.milliseconds = milliseconds }

    public init(_ date: Date) { milliseconds = Int64((date.timeIntervalSince1970 * 1000).rounded()) }

    public var date: Date { Date(timeIntervalSince1970: Double(milliseconds) / 1000) }

    /// `2026-11-22T12:00:31.250Z`; without the fraction when it is zero.
    public var description: String {
        // The fraction is put in by hand: a Date is a Double, and its formatter cuts .007 to .006.
        let fraction = Int(((milliseconds % 1000) + 1000) % 1000)
        let seconds = (milliseconds - Int64(fraction)) / 1000
        let whole = Date(timeIntervalSince1970: Double(seconds)).formatted(Date.ISO8601FormatStyle())
        guard fraction != 0 else { return whole }
        return "\(whole.dropLast()).\(String(1000 + fraction).dropFirst())Z"
    }

    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.milliseconds < right.milliseconds }
}

extension Timestamp: Codable {
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        let date =
            (try? Date(text, strategy: Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
            ?? (try? Date(text, strategy: Date.ISO8601FormatStyle()))
        guard let date else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an RFC 3339 time")
        }
        self.init(date)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
