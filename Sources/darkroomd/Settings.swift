// The configuration and the catalogue it is checked against.

import Gemini
import Wire

/// What the daemon was told to be.
struct Settings: Sendable {
    let configuration: Configuration

    var catalogue: Catalogue { configuration.catalogue }

    init(reading options: Darkroomd) throws(StartFailure) {
        let shipped: Catalogue
        do {
            shipped = try Catalogue.shipped()
        } catch {
            throw StartFailure(status: StartFailure.badConfiguration, message: "the catalogue of models is damaged")
        }
        do throws(ConfigurationError) {
            configuration = try Configuration.load(options.config, catalogue: shipped)
        } catch {
            throw StartFailure(status: StartFailure.badConfiguration, message: error.description)
        }
    }

    func printCautions() {
        for caution in configuration.cautions { StandardError.write("darkroomd: warning: \(caution)\n") }
    }
}

extension Catalogue {
    /// Every name that a configuration may call a model by.
    var names: ModelNames {
        ModelNames(
            ids: Set(models.map { $0.id }).union(retired.map { $0.id }), aliases: Set(models.flatMap { $0.aliases }))
    }

    /// The model that a name is sent as, if it is one.
    func resolve(_ name: String) -> Model? {
        switch model(named: name) {
        case .current(let model), .succeeded(let model): model
        case .gone, .unknown: nil
        }
    }
}
