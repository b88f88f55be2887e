// From an order to the bytes of an image file, by way of the painter in C; the only file here with pointers.

import CImageCodecs
import Glibc

/// Draws and encodes pictures.
enum Picture {
    private static let ridgeCount = 5

    /// The file's bytes; empty when the picture cannot be made, for lack of memory or a side of no pixels.
    static func drawn(_ order: PictureOrder) -> [UInt8] {
        if order.type == .webp { return webpHeader(order) }
        var dice = Dice(order)
        let grain = UInt32(dice.roll() * 65536) << 8 | 0x5A
        guard let picture = unsafe ci_picture_make(CInt(order.width), CInt(order.height), grain) else { return [] }
        defer { unsafe ci_picture_free(picture) }
        let palette = Palette.all[Int(dice.roll() * Double(Palette.all.count))]
        unsafe ci_picture_sky(picture, palette.sky.top, palette.sky.middle, palette.sky.bottom)
        let side = Double(min(order.width, order.height))
        unsafe ci_picture_sun(
            picture, CInt(Double(order.width) * (0.2 + dice.roll() * 0.6)),
            CInt(Double(order.height) * (0.2 + dice.roll() * 0.2)), CInt(side * (0.07 + dice.roll() * 0.08)),
            palette.sun)
        for ridge in 0..<ridgeCount {
            let part = Double(ridge) / Double(ridgeCount - 1)
            // As many hills as the picture is wide for its height, so that panoramas do not look stretched.
            let hills = Double(order.width) / Double(order.height) * (0.5 + dice.roll() * 0.8) * (1.6 - part)
            unsafe ci_picture_add_ridge(
                picture, 0.48 + part * 0.3, (0.05 + dice.roll() * 0.06) * (1.1 - part * 0.4), max(0.4, hills),
                dice.roll() * 6.28, mix(palette.far, palette.near, part))
        }
        unsafe write(Caption(order), of: order, on: picture)
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = unsafe ci_picture_encode(
            picture, order.type == .png ? CI_PNG : CI_JPEG, "drawn by gemini-simulator", &bytes)
        defer { unsafe free(bytes) }
        return unsafe Array(UnsafeBufferPointer(start: bytes, count: count))
    }

    private static func write(_ caption: Caption, of order: PictureOrder, on picture: OpaquePointer) {
        unsafe ci_picture_add_panel(
            picture, 0, CInt(caption.panelTop), CInt(order.width), CInt(order.height - caption.panelTop), 110)
        for line in caption.lines {
            for (column, character) in line.text.enumerated() where character != " " {
                let x = caption.x + column * 6 * line.scale
                _ = unsafe ci_picture_add_glyph(
                    picture, CInt(x), CInt(line.y), CInt(line.scale), Font.cells(of: character), 0xEFE9DF)
            }
        }
    }

    private static func mix(_ a: UInt32, _ b: UInt32, _ part: Double) -> UInt32 {
        [16, 8, 0].reduce(0) { colour, shift in
            let from = Double(a >> shift & 255)
            let to = Double(b >> shift & 255)
            return colour | UInt32(from + (to - from) * part) << shift
        }
    }

    /// The extended header of a WebP file with its canvas size, and no picture behind it.
    private static func webpHeader(_ order: PictureOrder) -> [UInt8] {
        func littleEndian(_ value: Int, bytes: Int) -> [UInt8] { (0..<bytes).map { UInt8(value >> ($0 * 8) & 255) } }
        return Array("RIFF".utf8) + littleEndian(22, bytes: 4) + Array("WEBPVP8X".utf8) + littleEndian(10, bytes: 4)
            + [0, 0, 0, 0] + littleEndian(order.width - 1, bytes: 3) + littleEndian(order.height - 1, bytes: 3)
    }
}
