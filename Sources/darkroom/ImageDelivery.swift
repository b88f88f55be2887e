// From an answer to files: each image is written, its path is the answer, and what differs from what was asked is said.

import Client
import Wire

struct ImageDelivery {
    let target: OutputTarget
    let isJSON: Bool

    /// - Parameters:
    ///   - output: What `-o` said.
    ///   - json: Whether the answer is to be the daemon's result.
    /// - Throws: `CommandError` when nothing can be written there.
    init(output: String?, json: Bool) throws(CommandError) {
        target = try OutputTarget(output)
        isJSON = json
        if json, target == .standardOutput {
            throw CommandError(.usage, "-o - and --json both want standard output", hint: "leave out one of them")
        }
    }

    /// Writes the images of a job.
    func deliver(_ received: Received<JobResult>) throws {
        let result = received.result
        for warning in result.warnings { Conversation.warn(warning.message) }
        if result.reused {
            let saved = result.cost?.wouldHaveUSD.map { "; it would have cost \(Quantity.dollars($0))" }
            Conversation.say("the same request was answered before and is not paid for again" + (saved ?? ""))
        }
        let paths = try write(result.images, received.files, base: "\(result.job)")
        if isJSON {
            Conversation.answer(json: try JSONAnswer.withPaths(paths, in: received.line))
        }
        guard !result.failed.isEmpty else { return }
        Self.tell(result.failed, of: result.failed.count + result.images.count)
        throw SilentFailure(status: .partial)
    }

    /// Says why images failed, the same reason once.
    private static func tell(_ failures: [WireError], of total: Int) {
        var rest = failures
        while let failure = rest.first {
            let count = rest.filter { $0.message == failure.message }.count
            rest.removeAll { $0.message == failure.message }
            Conversation.fail("\(count) of \(total) images failed: \(failure.message)", hint: failure.hint)
        }
        if failures.contains(where: { $0.charged == .yes || $0.charged == .unknown }) {
            Conversation.warn("what failed may have been charged")
        }
    }

    /// Writes one kept image.
    func deliver(_ received: Received<ImageEntry>) throws {
        let paths = try write([received.result], received.files, base: received.result.sha256)
        if isJSON {
            Conversation.answer(json: try JSONAnswer.withPath(paths[0], in: received.line))
        }
    }

    /// Writes images and prints their paths.
    ///
    /// - Parameters:
    ///   - images: What the daemon said of them.
    ///   - files: Their bytes.
    ///   - base: The name for images that the user gave none.
    /// - Returns: A path for each, in order.
    /// - Throws: `CommandError` when one cannot be written, `ClientError` when one has no bytes.
    func write(_ images: [ImageEntry], _ files: [ReceivedFile], base: String) throws -> [String] {
        if images.count > 1, target == .standardOutput {
            throw CommandError(
                .usage, "\(images.count) images do not fit one pipe", hint: "darkroom fetch \(base) -o DIR/")
        }
        var paths: [String] = []
        for (index, image) in images.enumerated() {
            guard let fd = image.fd, files.indices.contains(fd) else {
                throw ClientError.invalidAnswer("there is no descriptor for image \(index + 1)")
            }
            let number = images.count > 1 ? index + 1 : nil
            paths.append(try write(image, files[fd], number: number, base: base))
        }
        return paths
    }

    private func write(_ image: ImageEntry, _ file: ReceivedFile, number: Int?, base: String) throws -> String {
        let path: String
        switch target {
        case .standardOutput:
            try OutputFile.write(file, count: image.bytes, to: 1, named: "standard output")
            return "-"
        case .node(let node):
            try OutputFile.write(file, count: image.bytes, into: node)
            path = node
        case .directory(let directory):
            path = try place(image, file, asked: directory + base, number: number, isOurs: true)
        case .file(let asked):
            let filled = ImageName.filled(asked, number ?? 1)
            path = try place(image, file, asked: filled, number: filled == asked ? number : nil, isOurs: false)
        }
        if !isJSON { Conversation.answer(path) }
        return path
    }

    private func place(
        _ image: ImageEntry, _ file: ReceivedFile, asked: String, number: Int?, isOurs: Bool
    ) throws(CommandError) -> String {
        let typed = ImageName.named(asked, for: image.mimeType)
        let wanted = number.map { ImageName.numbered(typed, $0) } ?? typed
        let path = try OutputFile.write(
            file, count: image.bytes, to: wanted, mayReplace: !isOurs && wanted == asked)
        if !isOurs, typed != asked {
            let type = ImageType(mimeType: image.mimeType)?.name ?? image.mimeType
            Conversation.say("the image is \(type), so it is in \(path), not in \(asked)")
        }
        return path
    }
}

/// The daemon's result as it came, with what a later daemon may have added, and with the paths of the files.
enum JSONAnswer {
    private struct Message: Decodable { let result: JSONValue }

    /// The result of an answer's line.
    static func plain(_ line: [UInt8]) throws -> [UInt8] { WireJSON.encode(try result(of: line)) }

    static func withPaths(_ paths: [String], in line: [UInt8]) throws -> [UInt8] {
        guard case .object(var result) = try result(of: line), case .array(let images)? = result["images"] else {
            throw ClientError.invalidAnswer("it has no images")
        }
        result["images"] = .array(zip(images, paths).map { add($1, to: $0) })
        return WireJSON.encode(result)
    }

    static func withPath(_ path: String, in line: [UInt8]) throws -> [UInt8] {
        WireJSON.encode(add(path, to: try result(of: line)))
    }

    private static func result(of line: [UInt8]) throws -> JSONValue {
        do {
            return try WireJSON.decode(Message.self, from: line).result
        } catch {
            throw ClientError.invalidAnswer("it has no result")
        }
    }

    /// `fd` counted the descriptors of a line that nobody but us has seen.
    private static func add(_ path: String, to image: JSONValue) -> JSONValue {
        guard case .object(var members) = image else { return image }
        members["fd"] = nil
        members["path"] = .string(path)
        return .object(members)
    }
}
