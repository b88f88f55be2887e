// The built command at the built daemon: what a person types, what it prints, what it leaves, how it ends.

import Foundation
import Glibc
import TestKit
import Testing
import Wire

@Suite(.serialized) struct CommandAgainstDaemonTests {
    private let simulator: RunningSimulator
    private let daemon: RunningDaemon
    private let directory: TemporaryDirectory

    init() throws {
        simulator = try RunningSimulator()
        daemon = try RunningDaemon(
            configuration: RunningDaemon.configuration(simulator, project: "max_concurrent = 1"))
        directory = try TemporaryDirectory()
    }

    private func darkroom(_ arguments: String..., socket: String? = nil) throws -> ChildProcess.Output {
        try ChildProcess.run(
            BuiltProduct.path(of: "darkroom"), arguments, environment: ["DARKROOM_SOCKET": socket ?? daemon.socket])
    }

    /// A command that has to end well and to say nothing beside its answer; its answer.
    private func answer(_ output: ChildProcess.Output) throws -> String {
        #expect(output.status == 0 && output.standardError == "", "\(output)")
        return output.standardOutput
    }

    private func result<Result: Decodable>(_ type: Result.Type, _ output: ChildProcess.Output) throws -> Result {
        try WireJSON.decode(type, from: Array(try answer(output).utf8))
    }

    private func job(_ id: String) throws -> JobResult {
        try result(JobResult.self, darkroom("show", id, "--json"))
    }

    /// The only job of this daemon.
    private func onlyJob() throws -> JobResult {
        let jobs = try result(ListJobs.Result.self, darkroom("jobs", "--json")).jobs
        #expect(jobs.count == 1)
        return try #require(jobs.first)
    }

    private var files: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted() }
    }

    /// Width and height as the file itself says them (ITU-T T.81, B.2.2: the frame header).
    private func pixels(ofJPEG path: String) throws -> [Int] {
        let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
        try #require(bytes.starts(with: [0xFF, 0xD8, 0xFF]))
        var position = 2
        while position + 8 < bytes.count {
            let length = Int(bytes[position + 2]) << 8 | Int(bytes[position + 3])
            if (0xC0...0xC2).contains(bytes[position + 1]) {
                let size = bytes[(position + 5)..<(position + 9)].map { Int($0) }
                return [size[2] << 8 | size[3], size[0] << 8 | size[1]]
            }
            position += 2 + length
        }
        return []
    }

    private func sha256(_ path: String) throws -> Substring {
        try ChildProcess.run("/usr/bin/sha256sum", [path]).standardOutput.prefix(64)
    }

    @Test func anInputThatTheDaemonRefusesIsNamedAsItWasTyped() throws {
        let file = directory.file("broken.png")
        try Picture.png.dropLast(20).write(to: URL(fileURLWithPath: file))
        let output = try darkroom("edit", file, "in red", "-o", directory.file("out"))
        #expect(output.status == 65 && output.standardOutput == "")
        #expect(
            output.standardError == """
                darkroom: error: \(file) cannot be used: it is a PNG image that ends too early
                darkroom: hint: give a whole PNG, JPEG, WebP, HEIC or HEIF file

                """)
        #expect(try simulator.spending() == [])
    }

    @Test(arguments: ["2147483648", "x"]) func aSeedThatIsNoneIsRefusedWithItsBounds(seed: String) throws {
        let output = try darkroom("generate", "p", "--seed", seed, "-o", directory.file("out"))
        #expect(output.status == 64)
        #expect(output.standardError.contains("--seed") && output.standardError.contains("-2147483648 to 2147483647"))
        #expect(try simulator.spending() == [])
    }

    @Test func aPromptBecomesAFileNamedByWhatItIs() throws {
        let asked = directory.file("bicycle")
        let output = try darkroom(
            "generate", "a red bicycle", "--aspect", "16:9", "--size", "2K", "--label", "mine", "-o", asked)
        let job = try onlyJob()
        #expect(output.status == 0 && output.standardOutput == "\(asked).jpg\n", "\(output)")
        let lines = output.standardError.split(separator: "\n")
        #expect(lines.first?.hasPrefix("darkroom: job \(job.job): ") == true, "\(lines)")
        #expect(lines.last == "darkroom: the image is JPEG, so it is in \(asked).jpg, not in \(asked)")
        #expect(lines.allSatisfy { $0.hasPrefix("darkroom: ") }, "\(lines)")
        #expect(try files == ["bicycle.jpg"])
        #expect(try pixels(ofJPEG: "\(asked).jpg") == [2752, 1536])
        let image = try #require(job.images.first)
        #expect(image.width == 2752 && image.height == 1536 && job.label == "mine")
        #expect(try sha256("\(asked).jpg") == image.sha256[...])
        let received = try #require(try simulator.generations().first)
        #expect(try simulator.generations().count == 1)
        let body = String(decoding: WireJSON.encode(received["body"]), as: UTF8.self)
        #expect(body.contains(#""imageConfig":{"aspectRatio":"16:9","imageSize":"2K"}"#), "\(body)")
    }

    @Test func aNameOfAnotherTypeIsCorrectedAndToldEvenQuietly() throws {
        let asked = directory.file("cat.png")
        let path = directory.file("cat.jpg")
        let output = try darkroom("generate", "a cat", "--quiet", "-o", asked)
        #expect(
            output
                == ChildProcess.Output(
                    status: 0, standardOutput: "\(path)\n",
                    standardError: "darkroom: the image is JPEG, so it is in \(path), not in \(asked)\n"))
        #expect(try files == ["cat.jpg"])
        // The right name needs no word at all.
        #expect(try answer(darkroom("generate", "a cat", "-q", "-o", path)) == "\(path)\n")
    }

    @Test func whatCameBackOtherThanAskedForIsAWarning() throws {
        try simulator.addRule(#"{"match":{"prompt":"square"},"do":{"answer":{"pixels":[1024,1024]}}}"#)
        let path = directory.file("a.jpg")
        let output = try darkroom("generate", "square", "--aspect", "16:9", "-q", "-o", path)
        #expect(output.status == 0 && output.standardOutput == "\(path)\n")
        let warnings = output.standardError.split(separator: "\n")
        #expect(warnings.count == 1 && warnings.first?.hasPrefix("darkroom: warning: ") == true, "\(warnings)")
        #expect(try pixels(ofJPEG: path) == [1024, 1024])
    }

    @Test func aJobIsAdmittedWaitedForFetchedAndPiped() throws {
        let id = try answer(darkroom("generate", "later", "--no-wait")).trimmingCharacters(in: .newlines)
        let first = directory.file("first.jpg")
        #expect(try answer(darkroom("wait", id, "-q", "-o", first)) == "\(first)\n")
        let second = directory.file("second.jpg")
        #expect(try answer(darkroom("fetch", id, "-o", second)) == "\(second)\n")
        let image = try #require(try job(id).images.first)
        let third = directory.file("third.jpg")
        #expect(try answer(darkroom("fetch", image.sha256, "-o", third)) == "\(third)\n")
        for path in [first, second, third] { #expect(try sha256(path) == image.sha256[...]) }
        for command in ["fetch \(id)", "wait \(id) -q", "generate later -q"] {
            let piped = try ChildProcess.run(
                "/bin/sh", ["-c", "'\(BuiltProduct.path(of: "darkroom"))' \(command) -o - | sha256sum"],
                environment: ["DARKROOM_SOCKET": daemon.socket])
            // The simulator draws the same prompt the same way.
            #expect(
                piped
                    == ChildProcess.Output(status: 0, standardOutput: "\(image.sha256)  -\n", standardError: ""))
        }
    }

    @Test func withJSONTheAnswerIsTheDaemonsAndThePath() throws {
        let path = directory.file("kite.jpg")
        let output = try darkroom("generate", "a kite", "--json", "--quiet", "-o", path)
        let text = try answer(output)
        #expect(text.hasSuffix("}\n") && text.split(separator: "\n").count == 1)
        let made = try result(JobResult.self, output)
        #expect(made.state == .done)
        guard case .object(let members) = try WireJSON.decode(JSONValue.self, from: Array(text.utf8)),
            case .array(let images)? = members["images"], case .object(let image)? = images.first
        else {
            Issue.record("no images: \(text)")
            return
        }
        #expect(image["path"] == .string(path) && image["fd"] == nil && image["data"] == nil)
        #expect(try sha256(path) == made.images.first?.sha256[...])
    }

    @Test func anImageIsEditedAndGoneOnWith() throws {
        let file = directory.file("in.png")
        try Picture.png.write(to: URL(fileURLWithPath: file))
        let red = directory.file("red.jpg")
        #expect(try answer(darkroom("edit", file, "in red", "--quiet", "-o", red)) == "\(red)\n")
        let first = try onlyJob()
        let blue = directory.file("blue.jpg")
        #expect(
            try answer(darkroom("refine", first.job.rawValue, "now in blue", "--quiet", "-o", blue)) == "\(blue)\n")
        #expect(try files == ["blue.jpg", "in.png", "red.jpg"])
        let sent = try #require(try simulator.generations("now in blue").first)
        // The prompt with its picture, what the model made of it, and what is to change.
        #expect(RunningSimulator.member("contents.2.parts.0.text", of: sent) == .string("now in blue"))
        #expect(RunningSimulator.member("contents.0.parts.1.inlineData.mimeType", of: sent) == .string("image/png"))
    }

    @Test func theDoctorSaysWhatIsWrongAndWhatToDo() throws {
        let well = try answer(darkroom("doctor"))
        #expect(well.contains("listing        default  ok"), "\(well)")
        let rejected = try RunningDaemon(
            configuration: RunningDaemon.configuration(simulator), key: "AIza-of-nobody-at-all")
        let ill = try darkroom("doctor", socket: rejected.socket)
        #expect(ill.status == 85 && ill.standardError == "")
        #expect(ill.standardOutput.contains("listing        default  fault"), "\(ill)")
        #expect(ill.standardOutput.contains("next: put a valid key into the credential"), "\(ill)")
    }

    @Test func statusModelsJobsAndShowSayWhatTheDaemonSays() throws {
        let socket = try RawSocket(daemon.socket)
        _ = try socket.call(1, "image.generate", #"{"prompt":"p","delivery":"none","label":"lab"}"#)
        let id = try onlyJob().job
        let status = try answer(darkroom("status")).split(separator: "\n").map { $0.split(separator: " ") }
        #expect(status.first == ["ready", "yes"])
        #expect(status.last == ["default", "native", "ok", "no", "0", "0"])
        let models = try answer(darkroom("models")).split(separator: "\n")
        let listed = try socket.call(2, "model.list").decode(ListModels.Result.self).models
        #expect(models.dropFirst().compactMap { $0.split(separator: " ").first.map(String.init) } == listed.map(\.id))
        let jobs = try answer(darkroom("jobs")).split(separator: "\n").map { $0.split(separator: " ") }
        #expect(jobs.count == 2 && jobs.last?.first == id.rawValue[...] && jobs.last?.last == "lab", "\(jobs)")
        let facts = try answer(darkroom("show", id.rawValue)).split(separator: "\n").map { $0.split(separator: " ") }
        #expect(facts.prefix(3) == [["job", id.rawValue[...]], ["state", "done"], ["label", "lab"]])
        #expect(try result(ListModels.Result.self, darkroom("models", "--json")).models.map(\.id) == listed.map(\.id))
        #expect(try result(GetStatus.Result.self, darkroom("status", "--json")).ready)
    }

    @Test func aQueuedJobIsCancelledAndASentOneIsLeftToFinish() throws {
        try simulator.addRule(#"{"match":{"prompt":"slow"},"do":{"neverAnswer":true}}"#)
        let waiter = try RawSocket(daemon.socket)
        try waiter.send(
            #"{"jsonrpc":"2.0","id":1,"method":"image.generate","params":{"prompt":"slow","delivery":"none"}}"#)
        var sent = ""
        while sent.isEmpty {
            guard case .object(let params)? = try waiter.receiveMessage()["params"], params["state"] == .string("sent"),
                case .string(let id)? = params["job"]
            else { continue }
            sent = id
        }
        let queued = try answer(darkroom("generate", "queued", "--no-wait")).trimmingCharacters(in: .newlines)
        #expect(try answer(darkroom("cancel", queued)) == "cancelled\n")
        let state = try darkroom("cancel", sent)
        #expect(
            state
                == ChildProcess.Output(
                    status: 0, standardOutput: "sent\n",
                    standardError: """
                        darkroom: warning: the job was sent already: it is left to finish, and its image is kept
                        darkroom: warning: this may be charged

                        """))
        let waited = try darkroom("wait", queued, "-q", "-o", directory.file("never"))
        #expect(waited.status == 82 && waited.standardOutput == "", "\(waited)")
        // Whoever waits is answered at once, although upstream never does.
        var answer = try waiter.receiveMessage()
        while answer["id"] == nil { answer = try waiter.receiveMessage() }
        guard case .object(let error)? = answer["error"], case .object(let data)? = error["data"] else {
            Issue.record("no error: \(answer)")
            return
        }
        #expect(data["kind"] == .string("cancelled") && data["charged"] == .string("unknown"))
        #expect(try job(sent).state == .sent)
        #expect(try simulator.generations("queued") == [])
        #expect(try files == [])
    }
}
