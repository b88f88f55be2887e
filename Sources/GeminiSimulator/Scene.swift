// What a picture shows: a landscape that follows from the prompt, the seed and the number of the picture alone,
// with the prompt written on it large enough to read.

import Crypto
import FoundationEssentials

/// What makes one picture the picture it is; equal values give equal bytes.
struct PictureOrder: Hashable, Sendable {
    var prompt: String
    var seed: Int
    /// 0 for the first picture of an answer.
    var index: Int
    /// The small line below the prompt.
    var label: String
    var width: Int
    var height: Int
    var type: ImageType
}

/// The type of an image file; WebP stands for "a type the model never sends" and has a header only.
enum ImageType: String, Codable, Sendable {
    case png, jpeg, webp

    var mimeType: String { "image/\(rawValue)" }

    init?(mimeType: String) {
        guard mimeType.hasPrefix("image/") else { return nil }
        self.init(rawValue: String(mimeType.dropFirst("image/".count)))
    }
}

/// The colours of a landscape, 0xRRGGBB.
struct Palette {
    var sky: (top: UInt32, middle: UInt32, bottom: UInt32)
    var sun: UInt32
    var far: UInt32
    var near: UInt32

    static let all = [
        Palette(sky: (0x2B3A67, 0xB56576, 0xEAAC8B), sun: 0xFFE3B3, far: 0x8E5A72, near: 0x241B2F),
        Palette(sky: (0x5B8FB9, 0xA9CCE3, 0xF3E3C7), sun: 0xFFF4DA, far: 0x7FA3A8, near: 0x1F3A3D),
        Palette(sky: (0x14213D, 0x33497A, 0x7A8FB8), sun: 0xF4F1DE, far: 0x4A5F8C, near: 0x12182B),
        Palette(sky: (0xE07A5F, 0xF2B880, 0xF4E1B8), sun: 0xFFFBEA, far: 0xC2745A, near: 0x3D1F26),
        Palette(sky: (0x7FB7BE, 0xBFD8BD, 0xEDE7C9), sun: 0xFFF1C1, far: 0x88A886, near: 0x22382C),
        Palette(sky: (0x4B3F72, 0x9D6381, 0xE8A0A0), sun: 0xFFD6C2, far: 0x7A4E78, near: 0x1F1A38),
        Palette(sky: (0x9A8C98, 0xC9ADA7, 0xF2E9E4), sun: 0xFFFFFF, far: 0xA89099, near: 0x2C2838),
    ]
}

/// Numbers that follow from a text; the same text gives the same numbers.
struct Dice {
    private var bytes: [UInt8]
    private var next = 0

    init(_ order: PictureOrder) {
        bytes = Array(SHA256.hash(data: Data("\(order.seed) \(order.index) \(order.prompt)".utf8)))
    }

    /// A number in 0..<1.
    mutating func roll() -> Double {
        if next + 2 > bytes.count {
            bytes = Array(SHA256.hash(data: bytes))
            next = 0
        }
        defer { next += 2 }
        return Double(Int(bytes[next]) << 8 | Int(bytes[next + 1])) / 65536
    }
}

/// Where the letters of a caption stand.
struct Caption {
    struct Line {
        var text: String
        var y: Int
        var scale: Int
    }

    /// Side of a cell of the prompt's letters is chosen as large as fits, within these parts of the picture.
    private static let widthPart = 0.9
    private static let heightPart = 0.45

    private(set) var lines: [Line] = []
    private(set) var x = 0
    private(set) var panelTop: Int

    init(_ order: PictureOrder) {
        let margin = max(4, Int(Double(order.width) * (1 - Self.widthPart) / 2))
        let width = order.width - 2 * margin
        let room = Int(Double(order.height) * Self.heightPart)
        let largest = max(2, min(order.width, order.height) / 90)
        let short = order.prompt.count > 400 ? order.prompt.prefix(397) + "..." : order.prompt[...]
        var fitting: (scale: Int, lines: [String]) = (1, [])
        for scale in stride(from: largest, through: 1, by: -1) {
            fitting = (scale, Font.lines(of: String(short), width: max(4, width / (6 * scale))))
            if fitting.lines.count * 10 * scale <= room { break }
        }
        let small = max(1, min(fitting.scale, largest / 3))
        let label = Font.lines(of: order.label, width: max(4, width / (6 * small)))
        let shown = fitting.lines.prefix(max(1, room / (10 * fitting.scale)))
        let padding = 3 * fitting.scale
        let height = padding + shown.count * 10 * fitting.scale + label.count * 10 * small + 4 * small
        panelTop = order.height - height - margin / 2
        x = margin
        var y = panelTop + padding
        for line in shown {
            lines.append(Line(text: line, y: y, scale: fitting.scale))
            y += 10 * fitting.scale
        }
        y += 2 * small
        for line in label {
            lines.append(Line(text: line, y: y, scale: small))
            y += 10 * small
        }
    }
}
