// `darkroom fetch`: writes what is kept, a job's images or one image by its sha256.

import ArgumentParser
import Client
import Wire

struct FetchCommand: DarkroomCommand {
    static let configuration = CommandConfiguration(
        commandName: "fetch", abstract: "Write the kept images of a job, or one image by its sha256.")

    @OptionGroup var root: Darkroom

    @Argument(help: ArgumentHelp("The job's id or the image's sha256.", valueName: "job|sha256"))
    var name: String

    @OptionGroup var place: OutputOptions

    func run() throws {
        let delivery = try ImageDelivery(output: place.output, json: root.shared.json)
        let connection = try root.shared.connect()
        if Artifact.isSHA256(name) {
            try delivery.deliver(
                try connection.call(OpenArtifact.self, OpenArtifact.Params(sha256: name, delivery: .fd)))
        } else {
            try fetchJob(JobID(rawValue: name), over: connection, into: delivery)
        }
    }

    /// Writes the images of an ended job.
    ///
    /// One that failed in part is no error here: what is there is what was asked for.
    private func fetchJob(_ id: JobID, over connection: DarkroomConnection, into delivery: ImageDelivery) throws {
        let received = try connection.call(GetJob.self, GetJob.Params(job: id))
        let job = received.result
        guard !job.images.isEmpty else {
            if let error = job.error { throw error }
            guard job.state.isEnded else {
                throw CommandError(.later, "job \(id) is still \(job.state.rawValue)", hint: "darkroom wait \(id)")
            }
            throw CommandError(.notFound, "job \(id) is \(job.state.rawValue) and has no image")
        }
        var images: [ImageEntry] = []
        var files: [ReceivedFile] = []
        for image in job.images {
            let opened = try connection.call(
                OpenArtifact.self, OpenArtifact.Params(sha256: image.sha256, delivery: .fd))
            guard let fd = opened.result.fd, opened.files.indices.contains(fd) else {
                throw ClientError.invalidAnswer("there is no descriptor for the image")
            }
            var entry = opened.result
            entry.fd = files.count
            images.append(entry)
            files.append(opened.files[fd])
        }
        let paths = try delivery.write(images, files, base: "\(id)")
        if root.shared.json {
            Conversation.answer(json: try JSONAnswer.withPaths(paths, in: received.line))
        }
    }
}
