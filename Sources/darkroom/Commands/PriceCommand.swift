// `darkroom price`: what a request would cost and when it would start. Spends nothing.

import ArgumentParser
import Client
import Wire

struct PriceCommand: DarkroomCommand {
    static let configuration = CommandConfiguration(
        commandName: "price", abstract: "Say what an image would cost and when it would start; nothing is asked for.")

    @OptionGroup var root: Darkroom

    @Argument(help: "What to draw; - reads it from standard input.")
    var prompt: String

    @OptionGroup(title: "The image") var images: ImageOptions

    func run() throws { try images.request(prompt).asked { try Price.tell($0, root.shared) } }
}

/// What `price` and `--dry-run` print.
enum Price {
    static func tell(_ request: PreparedRequest, _ shared: SharedOptions) throws {
        let received = try shared.connect().call(
            PriceImage.self, request.params, descriptors: request.descriptors)
        if shared.json { return Conversation.answer(json: try JSONAnswer.plain(received.line)) }
        let price = received.result
        var facts = Facts()
        facts.add("expected", Quantity.dollars(price.expectedUSD))
        facts.add("at most", Quantity.dollars(price.holdUSD))
        facts.add("model", price.model)
        facts.add("project", "\(price.project), \(price.route)")
        facts.add(
            "starts",
            price.startsInSeconds.map { $0 < 0.5 ? "at once" : "in about \(Quantity.time($0))" }
                ?? "not before project \(price.project) is resumed")
        facts.print()
    }
}
