// `darkroom show`: one job as it stands.

import ArgumentParser
import Client
import Wire

struct ShowCommand: DarkroomCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "Show one job: its state, images, times and cost.")

    @OptionGroup var root: Darkroom

    @Argument(help: "The job's id.")
    var job: String

    func run() throws {
        let received = try root.shared.connect().call(GetJob.self, GetJob.Params(job: JobID(rawValue: job)))
        if root.shared.json { return Conversation.answer(json: try JSONAnswer.plain(received.line)) }
        Self.facts(of: received.result).print()
    }

    private static func facts(of job: JobResult) -> Facts {
        var facts = Facts()
        facts.add("job", "\(job.job)")
        facts.add("state", job.state.rawValue)
        facts.add("label", job.label)
        facts.add("project", "\(job.project), \(job.route)")
        let model = job.model
        facts.add("model", model.asked == model.sent ? model.sent : "\(model.sent), asked for as \(model.asked)")
        let wanted = [job.requested.aspectRatio, job.requested.imageSize].compactMap(\.self)
        facts.add("asked for", wanted.isEmpty ? nil : wanted.joined(separator: ", "))
        facts.add("goes on from", job.continues.map { "\($0)" })
        facts.add("created", job.createdAt?.description)
        facts.add("started", job.startedAt?.description)
        facts.add("ended", job.endedAt?.description)
        facts.add("attempts", "\(job.attempts)")
        facts.add("cost", job.cost.map { "\(Quantity.dollars($0.usd)), by \($0.basis.rawValue)" })
        for image in job.images { facts.add("image", words(image)) }
        for image in job.extraImages { facts.add("extra image", words(image)) }
        facts.add("text", job.text)
        for query in job.grounding?.queries ?? [] { facts.add("looked up", query) }
        for source in job.grounding?.sources ?? [] {
            facts.add("source", [source.title, source.uri].compactMap(\.self).joined(separator: ", "))
        }
        for warning in job.warnings { facts.add("warning", warning.message) }
        for error in job.failed { facts.add("failed", error.message) }
        facts.add("error", job.error.map { "\($0.kind.rawValue): \($0.message)" })
        facts.add("hint", job.error?.hint)
        facts.add("charged", job.error?.charged?.rawValue)
        return facts
    }

    private static func words(_ image: ImageEntry) -> String {
        let type = ImageType(mimeType: image.mimeType)?.name ?? image.mimeType
        return "\(type) \(image.width)x\(image.height), \(Quantity.bytes(Int64(image.bytes))), \(image.sha256)"
    }
}
