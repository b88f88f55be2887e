// The answers that the upstream plays: four real PNGs, each in the JSON that `generateContent` wraps around an image.

import CBase64
import FoundationEssentials

/// How large an image is asked for; each is played by a model of its own, so that every contender can ask for it.
enum ImageSize: String, CaseIterable {
    case tiny, k1 = "1K", k2 = "2K", k4 = "4K"

    /// The model whose recorded answer has this size.
    var model: String {
        switch self {
        case .tiny: "gemini-3.1-flash-lite-image"
        case .k1: "gemini-nano-banana-2.1"
        case .k2: "gemini-3-pro-image"
        case .k4: "gemini-3.1-flash-image"
        }
    }

    fileprivate func png() -> [UInt8] {
        var picture: NoisePicture
        switch self {
        case .tiny: return NoisePicture.tiny()
        case .k1: picture = NoisePicture(side: 1024, fineRows: 100)
        case .k2: picture = NoisePicture(side: 2048, fineRows: 100)
        case .k4: picture = NoisePicture(side: 4096, fineRows: 18)
        }
        return picture.png()
    }
}

/// A directory of recorded answers, made once and used again.
struct RecordedAnswers {
    /// Holds `MODEL.json`, the answer's body, and `MODEL.png`, the image in it.
    let directory: String
    private let imageBytes: [ImageSize: Int]

    init(directory: String) throws {
        self.directory = directory
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        var sizes: [ImageSize: Int] = [:]
        for size in ImageSize.allCases {
            let path = "\(directory)/\(size.model)"
            if !FileManager.default.fileExists(atPath: "\(path).json") {
                let png = size.png()
                try Data(png).write(to: URL(filePath: "\(path).png"))
                // Last, and atomically: where the answer is, the image is whole too.
                try Data(Self.body(png: png, model: size.model)).write(
                    to: URL(filePath: "\(path).json"), options: .atomic)
            }
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(path).png")
            sizes[size] = (attributes[.size] as? any BinaryInteger).map { Int($0) } ?? 0
        }
        imageBytes = sizes
    }

    /// Bytes of the decoded image.
    func bytes(of size: ImageSize) -> Int { imageBytes[size] ?? 0 }

    /// The body as Google prints it: two spaces of indentation, a space after each colon.
    private static func body(png: [UInt8], model: String) -> [UInt8] {
        let head = """
            {
              "candidates": [
                {
                  "content": {
                    "parts": [
                      {
                        "inlineData": {
                          "mimeType": "image/png",
                          "data": "
            """
        let tail = """
            "
                        }
                      }
                    ],
                    "role": "model"
                  },
                  "finishReason": "STOP",
                  "index": 0
                }
              ],
              "usageMetadata": {
                "promptTokenCount": 11,
                "candidatesTokenCount": 1120,
                "totalTokenCount": 1131,
                "promptTokensDetails": [
                  {
                    "modality": "TEXT",
                    "tokenCount": 11
                  }
                ],
                "candidatesTokensDetails": [
                  {
                    "modality": "IMAGE",
                    "tokenCount": 1120
                  }
                ]
              },
              "modelVersion": "\(model)",
              "responseId": "recorded"
            }

            """
        return Array(head.utf8) + base64(png) + Array(tail.utf8)
    }

    private static func base64(_ bytes: [UInt8]) -> [UInt8] {
        var encoder = cb64_encoder()
        return unsafe [UInt8](unsafeUninitializedCapacity: cb64_encoded_bound(bytes.count) + 4) { text, count in
            guard let start = text.baseAddress else { return }
            count = unsafe bytes.withUnsafeBufferPointer { input in
                unsafe cb64_encode(&encoder, input.baseAddress, input.count, start)
            }
            count += unsafe cb64_encode_finish(&encoder, start + count)
        }
    }
}
