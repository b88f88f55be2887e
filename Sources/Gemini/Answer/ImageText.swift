// The text of one image inside a JSON string: base64, in which JSON may have escaped any letter.

import CBase64

struct ImageText {
    /// Decoded bytes given on at a time; 64 to 128 KiB measured best between system calls and cache.
    static let outputBytes = 65_536
    /// Decoded bytes of one image: four times the largest 4K PNG seen.
    static let imageBytes = 96 * 1_048_576

    private enum State {
        case plain
        case escape
        case code(value: UInt32, digits: Int)
        case ended
    }

    private var state = State.ended
    private var decoder = cb64_decoder()
    /// Made for the first image and kept for the next ones.
    private var output: [UInt8] = []
    private var outputCount = 0
    private var decodedBytes = 0

    /// The closing quote has been taken.
    var hasEnded: Bool { if case .ended = state { true } else { false } }

    mutating func begin() {
        if output.isEmpty { output = [UInt8](repeating: 0, count: Self.outputBytes) }
        decoder = cb64_decoder()
        outputCount = 0
        decodedBytes = 0
        state = .plain
    }

    /// Takes bytes up to the closing quote; returns the index of the first byte not taken.
    mutating func take(
        _ bytes: Span<UInt8>, from start: Int, _ give: (Span<UInt8>) throws -> Void
    ) throws -> Int {
        var index = start
        while index < bytes.count {
            switch state {
            case .plain:
                index += decode(bytes.extracting(index..<bytes.count))
                if outputCount + 3 > output.count {
                    try flush(give)
                } else if index < bytes.count {
                    // The decoder had room and stopped: this byte is not base64.
                    try stop(at: bytes[index], give)
                    index += 1
                }
            case .escape:
                try takeEscape(bytes[index], give)
                index += 1
            case .code(let value, let digits):
                try takeCode(bytes[index], value, digits, give)
                index += 1
            case .ended:
                return index
            }
        }
        return index
    }

    private mutating func stop(at byte: UInt8, _ give: (Span<UInt8>) throws -> Void) throws {
        switch byte {
        case UInt8(ascii: "\""): try end(give)
        case UInt8(ascii: "\\"): state = .escape
        default: throw AnswerScannerError.notBase64(byte: byte)
        }
    }

    /// Decodes into the free part of the buffer; returns how many bytes it took.
    private mutating func decode(_ bytes: Span<UInt8>) -> Int {
        let filled = outputCount
        let progress = unsafe bytes.withUnsafeBufferPointer { input in
            unsafe output.withUnsafeMutableBufferPointer { output in
                guard let to = output.baseAddress, let from = input.baseAddress else { return cb64_progress() }
                return unsafe cb64_decode(&decoder, from, input.count, to + filled, output.count - filled)
            }
        }
        outputCount += progress.produced
        return progress.consumed
    }

    private mutating func flush(_ give: (Span<UInt8>) throws -> Void) throws {
        guard outputCount > 0 else { return }
        decodedBytes += outputCount
        guard decodedBytes <= Self.imageBytes else { throw AnswerScannerError.imageTooLarge }
        let count = outputCount
        outputCount = 0
        try give(output.span.extracting(0..<count))
    }

    private mutating func end(_ give: (Span<UInt8>) throws -> Void) throws {
        var last: [UInt8] = [0, 0]
        let count = unsafe cb64_decode_finish(&decoder, &last)
        guard count >= 0 else { throw AnswerScannerError.base64Incomplete }
        for byte in last[..<Int(count)] {
            output[outputCount] = byte
            outputCount += 1
        }
        try flush(give)
        state = .ended
    }

    private mutating func takeEscape(_ byte: UInt8, _ give: (Span<UInt8>) throws -> Void) throws {
        switch byte {
        case UInt8(ascii: "/"): try takeEscaped(byte, give)
        case UInt8(ascii: "u"): state = .code(value: 0, digits: 0)
        default: throw AnswerScannerError.notBase64(byte: UInt8(ascii: "\\"))
        }
    }

    private mutating func takeCode(
        _ byte: UInt8, _ value: UInt32, _ digits: Int, _ give: (Span<UInt8>) throws -> Void
    ) throws {
        guard byte < 0x80, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
            throw AnswerScannerError.notJSON
        }
        let value = value << 4 | UInt32(digit)
        guard digits == 3 else {
            state = .code(value: value, digits: digits + 1)
            return
        }
        guard let byte = UInt8(exactly: value) else { throw AnswerScannerError.notBase64(byte: UInt8(ascii: "\\")) }
        try takeEscaped(byte, give)
    }

    /// One byte that was written as an escape.
    private mutating func takeEscaped(_ byte: UInt8, _ give: (Span<UInt8>) throws -> Void) throws {
        if outputCount + 3 > output.count { try flush(give) }
        guard decode([byte].span) == 1 else { throw AnswerScannerError.notBase64(byte: byte) }
        state = .plain
    }
}
