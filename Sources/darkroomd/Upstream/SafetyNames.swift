// Google's names for what its filters look at and how strict they are (https://ai.google.dev/api/generate-content,
// read 2026-11-22).

import Gemini
import Wire

/// The legal members of the parameter `safety`.
enum SafetyNames {
    /// What both routes that have filters take.
    private static let everywhere = [
        "HARM_CATEGORY_HARASSMENT", "HARM_CATEGORY_HATE_SPEECH", "HARM_CATEGORY_SEXUALLY_EXPLICIT",
        "HARM_CATEGORY_DANGEROUS_CONTENT", "HARM_CATEGORY_CIVIC_INTEGRITY",
    ]

    private static let vertex = [
        "HARM_CATEGORY_JAILBREAK", "HARM_CATEGORY_IMAGE_HATE", "HARM_CATEGORY_IMAGE_DANGEROUS_CONTENT",
        "HARM_CATEGORY_IMAGE_HARASSMENT", "HARM_CATEGORY_IMAGE_SEXUALLY_EXPLICIT",
    ]

    private static let thresholds = [
        "BLOCK_LOW_AND_ABOVE", "BLOCK_MEDIUM_AND_ABOVE", "BLOCK_ONLY_HIGH", "BLOCK_NONE", "OFF",
    ]

    /// Refuses a name that Google does not know, with the one that was probably meant.
    static func check(_ safety: [String: String], on route: RouteName) throws(WireError) {
        let categories = route == .vertex ? everywhere + vertex : everywhere
        for (category, threshold) in safety.sorted(by: { $0.key < $1.key }) {
            let path = "safety.\(category.prefix(64))"
            guard categories.contains(category) else {
                if vertex.contains(category) {
                    throw WireError(
                        .unsupportedParameter, "the route \(route.rawValue) has no \(category)",
                        hint: "it works on the route vertex", path: path)
                }
                throw refusal("there is no safety category \(category.prefix(64))", category, categories, path)
            }
            guard thresholds.contains(threshold) else {
                throw refusal("the parameter \(path) is \"\(threshold.prefix(64))\"", threshold, thresholds, path)
            }
        }
    }

    private static func refusal(_ message: String, _ given: String, _ legal: [String], _ path: String) -> WireError {
        let nearest = NearestName.to(given, among: legal)
        return WireError(
            .invalidParams, "\(message); legal are \(legal.joined(separator: ", "))",
            hint: nearest.map { "did you mean \($0)?" }, path: path)
    }
}
