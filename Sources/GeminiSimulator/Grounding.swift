// What an answer says about the searches behind it.

/// Pages and images that a search would have found.
struct Grounding {
    let prompt: String
    let searches: Set<Model.Search>

    /// `groundingMetadata` of a candidate; nil when nothing was searched.
    var metadata: JSON? {
        if searches.isEmpty { return nil }
        let query = JSON.string(String(prompt.prefix(60)))
        var chunks: [JSON] = []
        var members: [JSON.Member] = []
        if searches.contains(.pages) {
            members.append(.init(name: "webSearchQueries", value: [query]))
            for number in 1...2 {
                chunks.append([
                    "web": [
                        "uri": .string("https://example.com/pages/\(number)"), "title": .string("Page \(number)"),
                        "domain": "example.com",
                    ]
                ])
            }
        }
        if searches.contains(.images) {
            members.append(.init(name: "imageSearchQueries", value: [query]))
            chunks.append([
                "image": [
                    "sourceUri": "https://example.com/gallery", "imageUri": "https://example.com/gallery/1.jpg",
                    "title": "Gallery", "domain": "example.com",
                ]
            ])
        }
        members.append(.init(name: "groundingChunks", value: .array(chunks)))
        members.append(
            .init(
                name: "groundingSupports",
                value: [
                    [
                        "segment": ["startIndex": 0, "endIndex": 4, "text": "Here"], "groundingChunkIndices": [0],
                        "confidenceScores": [.double(0.9)],
                    ]
                ]))
        members.append(
            .init(
                name: "searchEntryPoint",
                value: ["renderedContent": .string("<div class=\"container\"><a class=\"chip\">\(escaped)</a></div>")]))
        return .object(members)
    }

    private var escaped: String {
        prompt.prefix(60).map { ["<": "&lt;", ">": "&gt;", "&": "&amp;"][$0] ?? String($0) }.joined()
    }
}
