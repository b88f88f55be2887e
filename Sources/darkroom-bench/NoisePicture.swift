// A real PNG whose file size is that of a photograph: noise, coded with Huffman codes alone.
//
// Stored deflate blocks would need fewer pixels than the size claims, and a real compressor would need zlib. Noise over
// 8 or 16 values has a prefix code that can be written down: all codes of 3 (or 4) bits but the last, which shares its
// place with the end of the block. So the size follows from the pixels: 4.06 bits a sample, 3.13 with the short code.

/// Writes noise as a PNG of 8-bit RGB.
struct NoisePicture {
    /// Pixels on each side.
    let side: Int
    /// Of each hundred rows, how many are drawn from 16 values instead of 8.
    let fineRows: Int

    private var deflated: [UInt8] = []
    private var bits: UInt64 = 0
    private var bitCount: UInt64 = 0
    private var sum = Adler32()
    private var noise = SplitMix(state: 7)

    init(side: Int, fineRows: Int) {
        self.side = side
        self.fineRows = fineRows
    }

    /// The whole file.
    mutating func png() -> [UInt8] {
        deflated = [0x78, 0x01]  // RFC 1950: deflate, 32 KiB window, no dictionary
        let fine = PrefixCode(width: 4)
        let coarse = PrefixCode(width: 3)
        var row = 0
        while row < side {
            let isFine = row % 100 < fineRows
            var end = row + 1
            while end < side, (end % 100 < fineRows) == isFine { end += 1 }
            writeBlock(rows: end - row, code: isFine ? fine : coarse, isLast: end == side)
            row = end
        }
        while bitCount > 0 { flushByte() }
        deflated += bigEndian(sum.value)
        return Self.file(width: side, height: side, colour: 2, data: deflated)
    }

    /// The smallest picture that is one: a single transparent pixel of grey with alpha.
    static func tiny() -> [UInt8] {
        // One stored block of three bytes: the row's filter, grey, alpha.
        var sum = Adler32()
        for byte in [0, 0, 0] as [UInt8] { sum.add(byte) }
        let data: [UInt8] = [0x78, 0x01, 0x01, 3, 0, 0xFC, 0xFF, 0, 0, 0] + bigEndian(sum.value)
        return file(width: 1, height: 1, colour: 4, data: data)
    }

    private mutating func writeBlock(rows: Int, code: PrefixCode, isLast: Bool) {
        write(isLast ? 1 : 0, 1)
        write(2, 2)  // dynamic Huffman codes
        code.header.forEach { write($0.bits, $0.count) }
        for _ in 0..<rows {
            append(0, code)  // filter type "None"
            for _ in 0..<side * 3 { append(code.values[noise.next(below: code.values.count)], code) }
        }
        write(code.endOfBlock.bits, code.endOfBlock.count)
    }

    private mutating func append(_ value: UInt8, _ code: PrefixCode) {
        sum.add(value)
        let symbol = code.symbols[Int(value)]
        write(symbol.bits, symbol.count)
    }

    private mutating func write(_ value: UInt64, _ count: UInt64) {
        bits |= value << bitCount
        bitCount += count
        while bitCount >= 8 { flushByte() }
    }

    private mutating func flushByte() {
        deflated.append(UInt8(truncatingIfNeeded: bits))
        bits >>= 8
        bitCount = bitCount > 8 ? bitCount - 8 : 0
    }

    private static func file(width: Int, height: Int, colour: UInt8, data: [UInt8]) -> [UInt8] {
        let header = bigEndian(UInt32(width)) + bigEndian(UInt32(height)) + [8, colour, 0, 0, 0]
        return pngSignature + chunk("IHDR", header) + chunk("IDAT", data) + chunk("IEND", [])
    }

    private static func chunk(_ type: String, _ data: [UInt8]) -> [UInt8] {
        let body = Array(type.utf8) + data
        return bigEndian(UInt32(data.count)) + body + bigEndian(CRC32.of(body))
    }
}

let pngSignature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

/// Bits to be written, the first one lowest.
private struct Code {
    var bits: UInt64
    var count: UInt64
}

/// A complete prefix code over 2^width grey values and the end of the block (RFC 1951 section 3.2).
private struct PrefixCode {
    let values: [UInt8]
    /// By value; unused ones are empty.
    let symbols: [Code]
    let endOfBlock: Code
    let header: [Code]

    init(width: Int) {
        let step = 256 >> width
        values = (0..<1 << width).map { UInt8($0 * step) }
        // Every value but the last has `width` bits; the last one and the end of the block have one more.
        var lengths = [Int](repeating: 0, count: 257)
        for value in values.dropLast() { lengths[Int(value)] = width }
        lengths[Int(values[values.count - 1])] = width + 1
        lengths[256] = width + 1

        var next = 0
        var table = [Code](repeating: Code(bits: 0, count: 0), count: 257)
        for length in [width, width + 1] {
            if length > width { next <<= 1 }
            for symbol in 0..<257 where lengths[symbol] == length {
                table[symbol] = Code(bits: Self.reversed(next, length), count: UInt64(length))
                next += 1
            }
        }
        symbols = Array(table[0..<256])
        endOfBlock = table[256]

        // The lengths themselves are coded too: 0, 1, width and width + 1 in two bits each.
        let alphabet = [0, 1, width, width + 1]
        let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
        let used = order[...(order.lastIndex { alphabet.contains($0) } ?? 0)]
        var header = [Code(bits: 0, count: 5), Code(bits: 0, count: 5), Code(bits: UInt64(used.count - 4), count: 4)]
        header += used.map { Code(bits: alphabet.contains($0) ? 2 : 0, count: 3) }
        let sorted = alphabet.sorted()
        // One distance code of one bit, never used, closes the list.
        for length in lengths + [1] {
            header.append(Code(bits: Self.reversed(sorted.firstIndex(of: length) ?? 0, 2), count: 2))
        }
        self.header = header
    }

    /// Huffman codes are packed from their highest bit on.
    private static func reversed(_ code: Int, _ count: Int) -> UInt64 {
        (0..<count).reduce(0) { $0 | UInt64((code >> $1) & 1) << UInt64(count - 1 - $1) }
    }
}

/// Steele, Lea and Flood's SplitMix64: small, fast, and the same picture every time.
private struct SplitMix {
    var state: UInt64

    mutating func next(below bound: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        z ^= z >> 31
        return Int(((z >> 32) &* UInt64(bound)) >> 32)
    }
}

/// The check of RFC 1950.
private struct Adler32 {
    private var low: UInt32 = 1
    private var high: UInt32 = 0
    var value: UInt32 { high << 16 | low }

    mutating func add(_ byte: UInt8) {
        low += UInt32(byte)
        if low >= 65_521 { low -= 65_521 }
        high += low
        if high >= 65_521 { high -= 65_521 }
    }
}

/// The check of the PNG specification, annex D.
private enum CRC32 {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1 }
    }

    static func of(_ bytes: [UInt8]) -> UInt32 {
        let table = Self.table
        return ~bytes.reduce(~0 as UInt32) { table[Int(($0 ^ UInt32($1)) & 0xFF)] ^ ($0 >> 8) }
    }
}

private func bigEndian(_ value: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
}
