// Lists in pages, as `pageSize` and `pageToken` ask for them.

/// Which part of a list is wanted.
struct Page {
    private let size: Int
    private let start: Int
    private static let mark = "after-"

    init(_ target: Target, defaultSize: Int, largestSize: Int) throws(Refusal) {
        func value(_ names: Set<String>) -> String? { target.query.first { names.contains($0.name) }?.value }
        let asked = value(["pageSize", "page_size"])
        guard let size = asked.map(Int.init) ?? defaultSize, size >= 0 else {
            throw .invalidArgument("Invalid value at 'page_size' (TYPE_INT32), \"\(asked ?? "")\"")
        }
        self.size = min(size == 0 ? defaultSize : size, largestSize)
        guard let token = value(["pageToken", "page_token"]), !token.isEmpty else {
            start = 0
            return
        }
        guard token.hasPrefix(Self.mark), let start = Int(token.dropFirst(Self.mark.count)), start >= 0 else {
            throw .invalidArgument("Page token is invalid.")
        }
        self.start = start
    }

    /// The elements of this page, and the token of the next one.
    func cut<Element>(_ all: [Element]) -> (elements: [Element], next: String?) {
        let end = min(all.count, start + size)
        return (Array(all[min(start, all.count)..<end]), end < all.count ? Self.mark + String(end) : nil)
    }

    func json(_ name: String, _ elements: [JSON], next: String?) -> JSON {
        var members: [JSON.Member] = elements.isEmpty ? [] : [.init(name: name, value: .array(elements))]
        if let next { members.append(.init(name: "nextPageToken", value: .string(next))) }
        return .object(members)
    }
}
