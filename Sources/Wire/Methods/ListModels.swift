// `model.list`: what can be asked for, and at what price.

/// Lists the models of the catalogue as this caller may use them.
public enum ListModels: Method {
    public static let name = "model.list"
    public static let access = Access.anyone
    public typealias Params = NoParams

    public struct Result: Sendable, Hashable, Codable {
        public var models: [Model]

        public init(models: [Model]) { self.models = models }
    }

    public struct Model: Sendable, Hashable, Codable {
        public var id: String
        public var aliases: [String]
        public var state: LifeCycle
        /// The model that a retired id is sent as.
        public var successor: String?
        public var available: Bool
        /// Why it is not available.
        public var reason: String?
        public var routes: [String]
        public var aspectRatios: [String]
        public var imageSizes: [String]
        public var maxInputs: Int
        /// US dollars by image size.
        public var usdPerImage: [String: Double]
        /// What each project's upstream is known to offer, of those that this caller may use; nil from a daemon that
        /// does not tell yet.
        public var projects: [Offer]?

        public init(
            id: String, aliases: [String], state: LifeCycle, successor: String?, available: Bool, reason: String?,
            routes: [String], aspectRatios: [String], imageSizes: [String], maxInputs: Int,
            usdPerImage: [String: Double], projects: [Offer]? = nil
        ) {
            self.projects = projects
            self.id = id
            self.aliases = aliases
            self.state = state
            self.successor = successor
            self.available = available
            self.reason = reason
            self.routes = routes
            self.aspectRatios = aspectRatios
            self.imageSizes = imageSizes
            self.maxInputs = maxInputs
            self.usdPerImage = usdPerImage
        }

        // Written out for two fields: the contract lists them for every model, so absent ones are `null`.
        public func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(id, forKey: .id)
            try container.encode(aliases, forKey: .aliases)
            try container.encode(state, forKey: .state)
            try container.encode(successor, forKey: .successor)
            try container.encode(available, forKey: .available)
            try container.encode(reason, forKey: .reason)
            try container.encode(routes, forKey: .routes)
            try container.encode(aspectRatios, forKey: .aspectRatios)
            try container.encode(imageSizes, forKey: .imageSizes)
            try container.encode(maxInputs, forKey: .maxInputs)
            try container.encode(usdPerImage, forKey: .usdPerImage)
            try container.encodeIfPresent(projects, forKey: .projects)
        }

        private enum CodingKeys: String, CodingKey {
            case id, aliases, state, successor, available, reason, routes, aspectRatios, imageSizes, maxInputs
            case usdPerImage, projects
        }
    }

    /// A model as one project has it.
    public struct Offer: Sendable, Hashable, Codable {
        public var name: String
        public var state: State
        /// The types that can be asked for; absent where the model decides.
        public var outputTypes: [String]?

        public init(name: String, state: State, outputTypes: [String]?) {
            self.name = name
            self.state = state
            self.outputTypes = outputTypes
        }

        public struct State: RawRepresentable, Sendable, Hashable, Codable {
            public let rawValue: String
            public init(rawValue: String) { self.rawValue = rawValue }

            public static let listed = State(rawValue: "listed")
            /// Nobody has told yet.
            public static let unknown = State(rawValue: "unknown")
            /// It may work all the same.
            public static let notListed = State(rawValue: "not_listed")
            /// Asking for it was answered with 404 within the last hour.
            public static let refused = State(rawValue: "refused")
            /// As `refused`, by an upstream that lists it all the same.
            public static let listedButRefused = State(rawValue: "listed_but_refused")
            /// Vertex AI has it in other locations.
            public static let elsewhere = State(rawValue: "other_location")
            /// Nothing can be sent there: the project's address is another route's.
            public static let wrongHost = State(rawValue: "wrong_host")
        }
    }

    public enum LifeCycle: String, Sendable, Hashable, Codable {
        case current
        /// Mapped to its successor, with a warning.
        case retired
        /// Without successor.
        case gone
    }
}
