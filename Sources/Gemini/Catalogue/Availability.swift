// What upstream really offers to one project, beside what the catalogue says that there is. A listing is a hint and a
// refusal is a fact: models are listed that answer 404, "no longer available to new users".

/// What is known of the models of one project; times are of any clock that only goes forwards.
package struct Availability: Sendable {
    package enum State: String, Sendable, Equatable {
        /// Nobody has told yet.
        case unknown
        case listed
        case notListed = "not_listed"
        /// Asking for it was answered with 404 within the last hour.
        case refused
        /// As `refused`, by an upstream that lists it all the same.
        case listedButRefused = "listed_but_refused"
    }

    /// How long a 404 is believed.
    package static let refusalLifetime = Duration.seconds(3_600)

    private var listed: Set<String>?
    private var refusedAt: [String: Duration] = [:]

    package init() {}

    /// Takes a listing.
    package mutating func heard(_ listing: [ListedModel]) { listed = Set(listing.map(\.id)) }

    /// Remembers that a call for the model was answered with 404.
    package mutating func refused(_ model: String, at now: Duration) {
        refusedAt[model] = now
    }

    /// Forgets a refusal, since the model has answered.
    package mutating func answered(_ model: String) {
        refusedAt[model] = nil
    }

    package func state(of model: String, at now: Duration) -> State {
        let isListed = listed?.contains(model)
        if let since = refusedAt[model], now - since < Self.refusalLifetime {
            return isListed == true ? .listedButRefused : .refused
        }
        guard let isListed else { return .unknown }
        return isListed ? .listed : .notListed
    }

    /// How long until the model may be asked for again; nil when it may be now.
    package func refusedFor(_ model: String, at now: Duration) -> Duration? {
        guard let since = refusedAt[model] else { return nil }
        let rest = Self.refusalLifetime - (now - since)
        return rest > .zero ? rest : nil
    }
}
