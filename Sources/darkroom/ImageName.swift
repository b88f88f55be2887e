// What a file is called: by the type that its bytes have, whatever name was asked for.

/// A type of image and the endings that say so.
struct ImageType: Equatable {
    /// As a person says it.
    let name: String
    /// The first is the one we give.
    let endings: [String]

    /// - Parameter mimeType: As the daemon read it from the bytes.
    init?(mimeType: String) {
        guard let type = Self.known[mimeType] else { return nil }
        self = type
    }

    private init(_ name: String, _ endings: [String]) {
        self.name = name
        self.endings = endings
    }

    private static let known: [String: ImageType] = [
        "image/jpeg": ImageType("JPEG", ["jpg", "jpeg", "jpe", "jfif"]),
        "image/png": ImageType("PNG", ["png"]),
        "image/webp": ImageType("WebP", ["webp"]),
        "image/heic": ImageType("HEIC", ["heic", "heif", "hif"]),
        "image/heif": ImageType("HEIF", ["heif", "heic", "hif"]),
        "image/gif": ImageType("GIF", ["gif"]),
    ]

    static func isEnding(_ ending: String) -> Bool { known.values.contains { $0.endings.contains(ending) } }
}

enum ImageName {
    /// The name for an image of a type: kept if it says the type, with the ending of another type replaced, else with
    /// the right one added; kept too when the type is one that we do not know.
    static func named(_ asked: String, for mimeType: String) -> String {
        guard let type = ImageType(mimeType: mimeType) else { return asked }
        let (stem, ending) = split(asked)
        guard let ending, ImageType.isEnding(ending.lowercased()) else { return "\(asked).\(type.endings[0])" }
        return type.endings.contains(ending.lowercased()) ? asked : "\(stem).\(type.endings[0])"
    }

    /// `cat {n}.jpg` as `cat 2.jpg`: where the user wants the number.
    static func filled(_ asked: String, _ number: Int) -> String {
        asked.split(separator: "{n}", omittingEmptySubsequences: false).joined(separator: "\(number)")
    }

    /// `cat.jpg` as `cat-2.jpg`.
    static func numbered(_ path: String, _ number: Int) -> String {
        let (stem, ending) = split(path)
        return "\(stem)-\(number)" + (ending.map { ".\($0)" } ?? "")
    }

    /// The ending after the last dot of the last component; a name that only begins with a dot has none.
    private static func split(_ path: String) -> (stem: String, ending: String?) {
        let start = path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex
        guard let dot = path[start...].lastIndex(of: "."), dot > start else { return (path, nil) }
        let ending = path[path.index(after: dot)...]
        return ending.isEmpty ? (path, nil) : (String(path[..<dot]), String(ending))
    }
}
