// The models as data: what each can do, what it makes, what it costs, and what became of those that went. The data is
// `catalogue.json`, which is part of the program; an admin's file of the same shape can stand in for it.

import FoundationEssentials

package struct Catalogue: Sendable, Decodable {
    /// The day that prices and limits were read.
    package var asOf: String
    /// In the order in which they are listed.
    package var models: [Model]
    package var retired: [RetiredModel]
    package var gone: [GoneModel]

    /// The catalogue that ships with the program.
    package static func shipped() throws -> Catalogue {
        try Catalogue(json: PackageResources.catalogue_json)
    }

    package init(json: [UInt8]) throws {
        self = try JSONDecoder().decode(Catalogue.self, from: Data(json))
        for model in models {
            guard let first = model.sizes.first, model.size(named: nil) != nil,
                model.sizes.allSatisfy({ Set($0.pixels.keys) == Set(first.pixels.keys) }),
                model.sizes.allSatisfy({ $0.pixels.values.allSatisfy { $0.count == 2 && $0.allSatisfy { $0 > 0 } } })
            else { throw CatalogueError.contradictory(model: model.id) }
        }
    }

    /// What a name stands for.
    package enum Match: Sendable, Equatable {
        case current(Model)
        /// The name was retired; the model is its successor.
        case succeeded(by: Model)
        /// Nothing took its place.
        case gone(GoneModel)
        case unknown
    }

    /// Looks a name up: an id, an alias, or an id of the past; `models/` in front is ignored.
    package func model(named name: String) -> Match {
        let name = name.hasPrefix("models/") ? String(name.dropFirst(7)) : name
        if let model = models.first(where: { $0.id == name || $0.aliases.contains(name) }) { return .current(model) }
        if let old = retired.first(where: { $0.id == name }),
            let successor = models.first(where: { $0.id == old.successor })
        {
            return .succeeded(by: successor)
        }
        if let model = gone.first(where: { $0.id == name }) { return .gone(model) }
        return .unknown
    }
}

/// Why a catalogue cannot be used.
package enum CatalogueError: Error, Equatable {
    /// The sizes of a model do not fit together.
    case contradictory(model: String)
}

/// An id that Google switched off in favour of another.
package struct RetiredModel: Sendable, Equatable, Decodable {
    package var id: String
    package var successor: String
    package var since: String?
}

/// An id that Google switched off for good.
package struct GoneModel: Sendable, Equatable, Decodable {
    package var id: String
    package var since: String?
    /// A clause for a person.
    package var reason: String
}
