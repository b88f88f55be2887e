// What Google limits, in its units; and what one request takes of it.
//
// Google counts by project and requested model; money by project (https://ai.google.dev/gemini-api/docs/rate-limits,
// read 2026-11-22). Two keys of one project share everything here.

/// The kinds of windows, in the words of the protocol.
package enum WindowKind: String, Sendable, CaseIterable {
    case requestsPerMinute = "requests_per_minute"
    case inputTokensPerMinute = "input_tokens_per_minute"
    case imagesPerMinute = "images_per_minute"
    case requestsPerDay = "requests_per_day"
    case spendPer10Minutes = "per_10_minutes"
    case spendPerDay = "per_day"
    case spendPerMonth = "per_month"

    /// Counted for the whole project, in micro-dollars, when the money is spent.
    package var isSpend: Bool {
        switch self {
        case .spendPer10Minutes, .spendPerDay, .spendPerMonth: true
        case .requestsPerMinute, .inputTokensPerMinute, .imagesPerMinute, .requestsPerDay: false
        }
    }

    /// In milliseconds; nil for those that end with the day or the month.
    var rollingLength: Int64? {
        switch self {
        case .requestsPerMinute, .inputTokensPerMinute, .imagesPerMinute: 60_000
        case .spendPer10Minutes: 600_000
        case .requestsPerDay, .spendPerDay, .spendPerMonth: nil
        }
    }

    /// The dimension that a `quotaId` of a 429 names, such as `GenerateRequestsPerMinutePerProjectPerModel`; nil for
    /// one that is none of these.
    package init?(quotaId: String) {
        let name = quotaId.lowercased()
        if name.contains("image"), name.contains("perminute") {
            self = .imagesPerMinute
        } else if name.contains("inputtoken"), name.contains("perminute") {
            self = .inputTokensPerMinute
        } else if name.contains("requests"), name.contains("perminute") {
            self = .requestsPerMinute
        } else if name.contains("requests"), name.contains("perday") || name.contains("daily") {
            self = .requestsPerDay
        } else {
            return nil
        }
    }
}

/// Limits as numbers by kind; what is absent is not limited.
///
/// Counts, tokens or micro-dollars, as the kind says.
package struct Limits: Sendable, Equatable, ExpressibleByDictionaryLiteral {
    private var values: [WindowKind: Int64]

    package init(dictionaryLiteral elements: (WindowKind, Int64)...) {
        values = Dictionary(elements) { _, last in last }
    }

    package subscript(kind: WindowKind) -> Int64? {
        get { values[kind] }
        set { values[kind] = newValue }
    }

    package var kinds: [WindowKind] { WindowKind.allCases.filter { values[$0] != nil } }
}

/// What one request takes of the windows.
package struct Demand: Sendable, Equatable {
    package var images: Int64
    package var inputTokens: Int64
    /// The most that it can cost.
    package var holdMicros: Int64

    package init(images: Int64 = 1, inputTokens: Int64 = 0, holdMicros: Int64 = 0) {
        self.images = images
        self.inputTokens = inputTokens
        self.holdMicros = holdMicros
    }

    func amount(of kind: WindowKind) -> Int64 {
        switch kind {
        case .requestsPerMinute, .requestsPerDay: 1
        case .inputTokensPerMinute: inputTokens
        case .imagesPerMinute: images
        case .spendPer10Minutes, .spendPerDay, .spendPerMonth: holdMicros
        }
    }
}

/// A request that was sent in the past, as the store remembers it; windows are rebuilt from these.
package struct UsageRow: Sendable {
    /// When it was sent, in milliseconds since 1970.
    package var at: Int64
    package var project: String
    /// As requested.
    package var model: String
    package var images: Int64
    package var inputTokens: Int64
    /// What it cost; of one whose outcome is unknown, its hold.
    package var costMicros: Int64
    package var isBulk: Bool
    /// When its cost became due; `at` if not known.
    package var endedAt: Int64?
    /// How many requests the row stands for; the other numbers are of all of them.
    package var requests: Int64

    package init(
        at: Int64, project: String, model: String, images: Int64, inputTokens: Int64, costMicros: Int64,
        isBulk: Bool = false, endedAt: Int64? = nil, requests: Int64 = 1
    ) {
        self.requests = requests
        self.at = at
        self.project = project
        self.model = model
        self.images = images
        self.inputTokens = inputTokens
        self.costMicros = costMicros
        self.isBulk = isBulk
        self.endedAt = endedAt
    }
}
