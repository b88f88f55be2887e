// Whose a job is follows from who the kernel says asked: to anybody else it is not there.

import Foundation
import Glibc
import TestKit
import Testing
import Wire

@Suite(.serialized, .enabled(if: getuid() == 0, "NOT TESTED: only root can be two users")) struct OwnershipTests {
    private static let otherUID = 54_321

    private let simulator: RunningSimulator
    private let daemon: RunningDaemon

    init() throws {
        simulator = try RunningSimulator()
        daemon = try RunningDaemon(
            configuration: RunningDaemon.configuration(simulator), arguments: ["--socket-mode", "0666"])
    }

    /// Asks as another user, and gives back the answer without the notifications before it.
    private func askAsAnother(_ method: String, _ params: String = "{}") throws -> JSONValue {
        let request = #"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":\#(params)}"#
        let program = #"""
            printf '%s\n' "$1" |
            setpriv --reuid="$3" --regid="$3" --clear-groups socat -t 60 - UNIX-CONNECT:"$2"
            """#
        let output = try ChildProcess.run("/bin/sh", ["-c", program, "sh", request, daemon.socket, "\(Self.otherUID)"])
        let line = try #require(output.standardOutput.split(separator: "\n").last, "\(output)")
        return try WireJSON.decode(JSONValue.self, from: Array(line.utf8))
    }

    private func decode<Result: Decodable>(_ type: Result.Type, _ answer: JSONValue) throws -> Result {
        guard case .object(let members) = answer, let result = members["result"] else {
            throw NotAResult(answer: answer)
        }
        return try WireJSON.decode(type, from: WireJSON.encode(result))
    }

    private struct NotAResult: Error { let answer: JSONValue }

    private func kind(_ answer: JSONValue) -> JSONValue? {
        guard case .object(let members) = answer, case .object(let error)? = members["error"],
            case .object(let data)? = error["data"]
        else { return nil }
        return data["kind"]
    }

    @Test func somebodyElsesJobAndImageAreNotFound() throws {
        let theirs = try decode(
            JobResult.self, askAsAnother("image.generate", #"{"prompt":"theirs","delivery":"none"}"#))
        let theirImage = try #require(theirs.images.first)
        // Root on the ordinary socket is a user like any other.
        let root = try RawSocket(daemon.socket)
        #expect(try root.call(1, "job.list").decode(ListJobs.Result.self).jobs == [])
        for (id, method) in ["job.get", "job.wait", "job.cancel"].enumerated() {
            let error = try root.call(id + 2, method, #"{"job":"\#(theirs.job.rawValue)"}"#).error
            #expect(error?.kind == .notFound && error?.charged == nil, "\(method)")
        }
        #expect(try root.call(9, "artifact.open", #"{"sha256":"\#(theirImage.sha256)"}"#).error?.kind == .notFound)
        // And the other way round.
        let mine = try root.call(10, "image.generate", #"{"prompt":"mine","delivery":"none"}"#).decode(JobResult.self)
        let myImage = try #require(mine.images.first)
        for method in ["job.get", "job.wait", "job.cancel"] {
            #expect(
                kind(try askAsAnother(method, #"{"job":"\#(mine.job.rawValue)"}"#)) == .string("not_found"), "\(method)"
            )
        }
        #expect(
            kind(try askAsAnother("artifact.open", #"{"sha256":"\#(myImage.sha256)"}"#)) == .string("not_found"))
        #expect(try decode(ListJobs.Result.self, askAsAnother("job.list")).jobs.map(\.job) == [theirs.job])
        #expect(try root.call(11, "job.list").decode(ListJobs.Result.self).jobs.map(\.job) == [mine.job])
    }

    @Test func anAdminOnTheAdminSocketSeesEveryJob() throws {
        let theirs = try decode(
            JobResult.self, askAsAnother("image.generate", #"{"prompt":"theirs","delivery":"none"}"#))
        let image = try #require(theirs.images.first)
        let admin = try RawSocket(daemon.adminSocket)
        #expect(try admin.call(1, "job.list").decode(ListJobs.Result.self).jobs.map(\.job) == [theirs.job])
        let job = try admin.call(2, "job.get", #"{"job":"\#(theirs.job.rawValue)"}"#).decode(JobResult.self)
        #expect(job.state == .done && job.images == theirs.images)
        let opened = try admin.call(3, "artifact.open", #"{"sha256":"\#(image.sha256)","delivery":"none"}"#)
        #expect(try opened.decode(ImageEntry.self).sha256 == image.sha256)
    }

    @Test func theSamePromptOfTwoUsersIsTwoJobs() throws {
        let params = #"{"prompt":"shared","delivery":"none"}"#
        let theirs = try decode(JobResult.self, askAsAnother("image.generate", params))
        let socket = try RawSocket(daemon.socket)
        let mine = try socket.call(1, "image.generate", params).decode(JobResult.self)
        #expect(mine.job != theirs.job)
        // The bytes are the same and are kept once; each user may open them.
        let image = try #require(mine.images.first)
        #expect(theirs.images.map(\.sha256) == [image.sha256])
        let open = #"{"sha256":"\#(image.sha256)","delivery":"none"}"#
        #expect(try socket.call(2, "artifact.open", open).error == nil)
        #expect(kind(try askAsAnother("artifact.open", open)) == nil)
        #expect(try simulator.generations("shared").count == 2)
    }
}
