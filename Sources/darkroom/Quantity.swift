// Numbers as people read them.

enum Quantity {
    /// `512 B`, `12.3 kB`, `1.5 MB`; powers of ten, as disks are sold and `ls --si` prints them.
    static func bytes(_ count: Int64) -> String {
        guard count >= 1000 else { return "\(count) B" }
        var value = Double(count) / 1000
        var units = ["kB", "MB", "GB", "TB", "PB"][...]
        while value >= 999.95, units.count > 1 {
            value /= 1000
            units.removeFirst()
        }
        return "\(decimal(value, places: 1)) \(units.first ?? "")"
    }

    /// `$0.0672`: four places, since a small image costs a few cents.
    static func dollars(_ amount: Double) -> String { "$" + decimal(amount, places: 4) }

    /// `8 s`, `2 min 5 s`, `1 h 3 min`.
    static func time(_ seconds: Double) -> String {
        let whole = Int(min(max(0, seconds.rounded()), 1e9))
        if whole < 60 { return "\(whole) s" }
        if whole < 3600 { return "\(whole / 60) min" + (whole % 60 == 0 ? "" : " \(whole % 60) s") }
        return "\(whole / 3600) h" + (whole % 3600 < 60 ? "" : " \(whole % 3600 / 60) min")
    }

    private static func decimal(_ value: Double, places: Int) -> String {
        guard value.isFinite, abs(value) < 1e12 else { return "\(value)" }
        var scale = 1.0
        for _ in 0..<places { scale *= 10 }
        let units = Int64((abs(value) * scale).rounded())
        let fraction = String(units % Int64(scale))
        let padded = String(repeating: "0", count: places - fraction.count) + fraction
        return "\(value < 0 && units > 0 ? "-" : "")\(units / Int64(scale)).\(padded)"
    }
}
