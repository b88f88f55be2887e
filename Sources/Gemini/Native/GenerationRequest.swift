// What is asked of a model, in the model's own terms.

/// What a model may look up before it draws.
package enum Grounding: String, Sendable, CaseIterable {
    case web, image
}

/// One image, asked for with everything that the API can be told.
///
/// A member that is nil or empty is not sent. Whether the model and the route can honour the others is the catalogue's
/// and `RouteSupport`'s to say beforehand.
package struct GenerationRequest: Sendable {
    /// The id that goes into the path, of the letters that ids have.
    package var model: String
    /// UTF-8, not empty, never logged.
    package var prompt: String
    /// A literal token, `"16:9"`; nil leaves it to the model.
    package var aspectRatio: String?
    /// `"512"`, `"1K"`, `"2K"` or `"4K"`; nil leaves it to the model.
    package var imageSize: String?
    package var seed: Int32?
    /// 0 to 2.
    package var temperature: Double?
    /// `minimal`, `low`, `medium`, `high`.
    package var thinking: String?
    /// Asks for thoughts and drafts too, which then say that they are.
    package var includesThoughts: Bool?
    package var grounding: [Grounding] = []
    /// Category to threshold, in Google's names.
    package var safety: [String: String] = [:]
    package var systemInstruction: String?
    /// `ALLOW_ALL`, `ALLOW_ADULT` or `ALLOW_NONE`; Vertex only.
    package var personGeneration: String?
    /// `image/png` or `image/jpeg`; Vertex only.
    package var outputType: String?
    /// A JSON object that is merged into the body; see `nativeFault`.
    package var native: [UInt8]?
    /// Nil leaves it to Google, which means `standard`.
    package var serviceTier: ServiceTier?
    package var inputs: [InputImage] = []
    /// The conversation so far, oldest first.
    package var history: [Turn] = []

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
}
