// `darkroom models`: what can be asked for, and at what price.

import ArgumentParser
import Client
import Wire

struct ModelsCommand: DarkroomCommand {
    static let configuration = CommandConfiguration(
        commandName: "models", abstract: "List the models with their sizes, prices and aspect ratios.")

    @OptionGroup var root: Darkroom

    func run() throws {
        let received = try root.shared.connect().call(ListModels.self, NoParams())
        if root.shared.json { return Conversation.answer(json: try JSONAnswer.plain(received.line)) }
        var table = Table("MODEL", "ALIASES", "STATE", "PROJECTS", "SIZES", "RATIOS")
        for model in received.result.models {
            table.add(
                model.id, model.aliases.joined(separator: ","), Self.state(of: model), Self.projects(of: model),
                Self.sizes(of: model),
                model.aspectRatios.joined(separator: " "))
        }
        table.print()
    }

    private static func state(of model: ListModels.Model) -> String {
        if let successor = model.successor { return "\(model.state.rawValue), now \(successor)" }
        guard !model.available else { return model.state.rawValue }
        return "\(model.state.rawValue), not available" + (model.reason.map { ": \($0)" } ?? "")
    }

    /// As `default, cloud (not listed)`; what is as it should be is not said.
    private static func projects(of model: ListModels.Model) -> String {
        (model.projects ?? []).map { offer in
            guard offer.state != .listed else { return offer.name }
            return "\(offer.name) (\(offer.state.rawValue.replacing("_", with: " ")))"
        }.joined(separator: ", ")
    }

    /// As `1K $0.0670, 2K $0.1010`.
    private static func sizes(of model: ListModels.Model) -> String {
        let sizes = model.imageSizes.isEmpty ? model.usdPerImage.keys.sorted() : model.imageSizes
        return sizes.map { size in
            model.usdPerImage[size].map { "\(size) \(Quantity.dollars($0))" } ?? size
        }.joined(separator: ", ")
    }
}
