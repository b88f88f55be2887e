// Input images of the types that cameras and browsers make: each goes upstream as what its bytes say that it is.

import Foundation
import TestKit
import Testing
import Wire

@Suite(.serialized) struct InputTypeTests {
    private let simulator: RunningSimulator
    private let daemon: RunningDaemon

    init() throws {
        simulator = try RunningSimulator()
        daemon = try RunningDaemon(configuration: RunningDaemon.configuration(simulator))
    }

    private static func bigEndian(_ number: Int) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
    }

    private static func box(_ type: String, _ payload: [UInt8]) -> [UInt8] {
        bigEndian(payload.count + 8) + Array(type.utf8) + payload
    }

    /// A file of 32 x 16 pixels with that major brand, whole as a container.
    private static func heif(_ brand: String) -> [UInt8] {
        let size = box("ispe", bigEndian(0) + bigEndian(32) + bigEndian(16))
        let properties = box("iprp", box("ipco", size))
        return box("ftyp", Array(brand.utf8) + bigEndian(0) + Array("mif1heic".utf8))
            + box("meta", bigEndian(0) + properties) + box("mdat", [1, 2, 3, 4, 5, 6, 7, 8])
    }

    /// The extended header of a WebP file of 32 x 16 pixels, and something behind it.
    private static let webp: [UInt8] =
        Array("RIFF".utf8) + [30, 0, 0, 0] + Array("WEBPVP8X".utf8) + [10, 0, 0, 0] + [0, 0, 0, 0, 31, 0, 0, 15, 0, 0]
        + [UInt8](repeating: 0, count: 8)

    private static func image(_ type: String) -> Data {
        switch type {
        case "image/webp": Data(webp)
        case "image/heic": Data(heif("heic"))
        default: Data(heif("mif1"))
        }
    }

    private func ask(_ image: Data) throws -> RawSocket.Reply {
        try RawSocket(daemon.socket).call(
            1, "image.generate",
            #"{"prompt":"edit","delivery":"none","inputs":[{"data":"\#(image.base64EncodedString())"}]}"#)
    }

    @Test(arguments: ["image/webp", "image/heic", "image/heif"])
    func anImageGoesUpstreamUnderItsType(type: String) throws {
        let image = Self.image(type)
        let result = try ask(image).decode(JobResult.self)
        #expect(result.state == .done && result.failed == [])
        let sent = try simulator.generations("edit")
        #expect(sent.count == 1)
        let request = try #require(sent.first)
        let part = "contents.0.parts.1.inlineData"
        #expect(RunningSimulator.member("\(part).mimeType", of: request) == .string(type))
        #expect(RunningSimulator.member("\(part).bytes", of: request) == .integer(Int64(image.count)))
    }

    @Test(arguments: ["image/webp", "image/heic", "image/heif"])
    func halfAnImageIsRefusedAndNothingIsSentOrHeld(type: String) throws {
        let error = try #require(try ask(Self.image(type).dropLast(4)).error)
        #expect(error.kind == .badInput && error.path == "inputs.0" && error.job == nil, "\(error)")
        #expect(error.message.contains("ends too early"), "\(error)")
        #expect(try simulator.spending() == [])
        #expect(try daemon.holdCount == 0)
    }
}
