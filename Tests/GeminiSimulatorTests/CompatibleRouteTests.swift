// The OpenAI-compatible route: what it takes, passes over and lacks.

import Foundation
import Testing
import TestKit

struct CompatibleRouteTests {
    private static let bearer = ["authorization: Bearer simulator-key"]

    private func draw(_ simulator: RunningSimulator, _ body: String, headers: [String] = bearer) throws -> Seen {
        try simulator.send(simulator.url + "/openai/images/generations", body: body, headers: headers)
    }

    @Test func theAnswerHasTheImagesAndTheModelAndNothingElse() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let seen = try draw(
            simulator,
            #"{"model":"gemini-2.5-flash-image","prompt":"x","n":2,"aspect_ratio":"16:9","seed":1,"nonsense":{"a":1}}"#)
        #expect(seen.json.keys.sorted() == ["data", "model"])
        let data = try #require(seen.json["data"] as? [[String: String]])
        #expect(data.map { $0.keys.sorted() } == [["b64_json"], ["b64_json"]])
        let images = data.compactMap { $0["b64_json"].flatMap { Data(base64Encoded: $0) } }
        // The ratio was passed over.
        #expect(images.map(Header.init) == Array(repeating: Header(type: "png", width: 1024, height: 1024), count: 2))
        #expect(Set(images).count == 2)
    }

    @Test(arguments: ["gemini-3.1-flash-image", "gemini-3-pro-image", "gemini-3.1-flash-lite-image", "imagen-4.0"])
    func otherModelsAreNotFoundInItsOddWords(_ model: String) throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let seen = try draw(simulator, #"{"model":"\#(model)","prompt":"x"}"#)
        #expect(seen.status == 404)
        #expect(
            seen.errorMessage
                == "models/\(model) is not found for API version v1main, or is not supported for predict. Call "
                + "ModelService.ListModels to see the list of available models and their supported methods.")
    }

    @Test(
        arguments: [
            (["x-goog-api-key: simulator-key"], 401), ([], 401), (["authorization: Bearer wrong"], 400),
            (["authorization: Bearer simulator-key", "x-goog-api-key: simulator-key"], 400),
        ] as [([String], Int)])
    func onlyAKeyAsBearerIsTaken(_ headers: [String], _ status: Int) throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let seen = try draw(simulator, #"{"model":"gemini-2.5-flash-image","prompt":"x"}"#, headers: headers)
        #expect(seen.status == status)
    }

    @Test func editsAreNotThere() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let seen = try simulator.send(simulator.url + "/openai/images/edits", body: "{}", headers: Self.bearer)
        #expect(seen.status == 404)
    }

    @Test func aDirectiveInThePromptHoldsHereToo() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let seen = try draw(
            simulator, #"{"model":"gemini-2.5-flash-image","prompt":"x {sim:{\"fixture\":\"overloaded\"}}"}"#)
        #expect(seen.status == 503)
    }
}
