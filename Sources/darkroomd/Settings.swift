// The configuration and the catalogue it is checked against: as it was read, and as it is in force.

import Engine
import Gemini
import LineSocket
import Synchronization
import Wire

/// What the daemon was told to be.
struct Settings: Sendable {
    let configuration: Configuration

    var catalogue: Catalogue { configuration.catalogue }

    init(reading options: Darkroomd) throws(StartFailure) {
        do throws(ConfigurationError) {
            try self.init(reading: options.config)
        } catch {
            throw StartFailure(status: StartFailure.badConfiguration, message: error.description)
        }
    }

    /// Reads and checks the configuration, and nothing else.
    ///
    /// - Parameter path: Its file; nothing for the standard one.
    /// - Throws: The first thing that is wrong.
    init(reading path: String?) throws(ConfigurationError) {
        let shipped: Catalogue
        do {
            shipped = try Catalogue.shipped()
        } catch {
            throw ConfigurationError(
                origin: .init(file: path ?? ConfigurationFile.standardPath),
                reason: "the catalogue of models is damaged")
        }
        configuration = try Configuration.load(path, catalogue: shipped)
    }

    func printCautions() {
        for caution in configuration.cautions { StandardError.write("darkroomd: warning: \(caution)\n") }
    }
}

/// The settings in force; a reload puts others in their place, and who asks next finds those.
final class LiveSettings: Sendable {
    private let state: Mutex<(settings: Settings, policy: Policy, isRefused: Bool)>

    init(_ settings: Settings) { state = Mutex((settings, Self.policy(of: settings), false)) }

    var configuration: Configuration { state.withLock { $0.settings.configuration } }
    var policy: Policy { state.withLock { $0.policy } }
    /// That the files hold something else, which was refused.
    var isRefused: Bool { state.withLock { $0.isRefused } }

    func adopt(_ settings: Settings) {
        let policy = Self.policy(of: settings)
        state.withLock { $0 = (settings, policy, false) }
    }

    func refuse() { state.withLock { $0.isRefused = true } }

    private static func policy(of settings: Settings) -> Policy {
        let catalogue = settings.catalogue
        return Policy(settings.configuration) { catalogue.resolve($0) }
    }
}

extension Catalogue {
    /// Every name that a configuration may call a model by.
    var names: ModelNames {
        ModelNames(
            ids: Set(models.map { $0.id }).union(retired.map { $0.id }), aliases: Set(models.flatMap { $0.aliases }),
            sizes: Set(models.flatMap { $0.sizeNames }))
    }

    /// The model that a name is sent as, if it is one.
    func resolve(_ name: String) -> Model? {
        switch model(named: name) {
        case .current(let model), .succeeded(let model): model
        case .gone, .unknown: nil
        }
    }
}
