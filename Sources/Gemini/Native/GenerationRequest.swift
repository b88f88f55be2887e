// What is asked of a model, and the body that asks it.

import FoundationEssentials

/// One image, asked for in the model's own terms; whether the model can is the catalogue's to say beforehand.
package struct GenerationRequest: Sendable {
    /// The id that goes into the path, of the letters that ids have.
    package var model: String
    /// UTF-8, not empty, never logged.
    package var prompt: String
    /// A literal token, `"16:9"`; nil leaves it to the model.
    package var aspectRatio: String?
    /// `"512"`, `"1K"`, `"2K"` or `"4K"`; nil leaves it to the model.
    package var imageSize: String?

    package init(model: String, prompt: String, aspectRatio: String? = nil, imageSize: String? = nil) {
        self.model = model
        self.prompt = prompt
        self.aspectRatio = aspectRatio
        self.imageSize = imageSize
    }

    /// That the model's id can be spliced into a URL: ids have letters, digits, dots, hyphens and underscores.
    var hasPlainModel: Bool {
        !model.isEmpty && model.utf8.count <= 128 && !model.contains("..")
            && model.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || [UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_")].contains(byte)
            }
    }

    /// The body of `models/{model}:generateContent`.
    ///
    /// - SeeAlso: https://ai.google.dev/api/generate-content, read 2026-11-22.
    package func nativeBody() throws -> [UInt8] {
        let image = ImageConfig(aspectRatio: aspectRatio, imageSize: imageSize)
        let body = Body(
            contents: [Content(role: "user", parts: [Part(text: prompt)])],
            generationConfig: GenerationConfig(
                // With ["IMAGE"] alone the model does not say why it made none.
                responseModalities: ["TEXT", "IMAGE"], imageConfig: aspectRatio == nil && imageSize == nil ? nil : image
            ))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return Array(try encoder.encode(body))
    }

    private struct Body: Encodable {
        var contents: [Content]
        var generationConfig: GenerationConfig
    }

    private struct Content: Encodable {
        var role: String
        var parts: [Part]
    }

    private struct Part: Encodable {
        var text: String
    }

    private struct GenerationConfig: Encodable {
        var responseModalities: [String]
        var imageConfig: ImageConfig?
    }

    private struct ImageConfig: Encodable {
        var aspectRatio: String?
        var imageSize: String?
    }
}
