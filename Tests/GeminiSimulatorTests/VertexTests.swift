// Vertex: its paths, credentials, and what its bodies have that the Developer API's have not.

import Foundation
import Testing
import TestKit

struct VertexTests {
    private static let model = "publishers/google/models/gemini-3.1-flash-image:generateContent"
    private static let path = "/v1/projects/simulator-project/locations/global/" + model
    private static let small = #"{"imageConfig":{"imageSize":"512"}}"#

    private func bearer(_ simulator: RunningSimulator) throws -> String {
        let path = simulator.url.replacing(
            "/v1beta", with: "/computeMetadata/v1/instance/service-accounts/default/token")
        let seen = try simulator.send(path, headers: ["metadata-flavor: Google"])
        return "authorization: Bearer " + (seen.json["access_token"] as? String ?? "")
    }

    private func draw(
        _ simulator: RunningSimulator, _ header: String, path: String = path, config: String = small,
        role: String = #""role":"user","#, more: [String] = []
    ) throws -> Seen {
        try simulator.send(
            simulator.url.replacing("/v1beta", with: path),
            body: #"{"contents":[{\#(role)"parts":[{"text":"x"}]}],"generationConfig":\#(config)}"#,
            headers: [header] + more)
    }

    @Test func aTokenOfTheProjectDraws() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let seen = try draw(simulator, try bearer(simulator))
        #expect(seen.images.map(Header.init) == [Header(type: "jpeg", width: 512, height: 512)])
        #expect(seen.json["createTime"] is String)
        let usage = try #require(seen.json["usageMetadata"] as? [String: Any])
        #expect(usage["trafficType"] as? String == "ON_DEMAND" && usage["serviceTier"] == nil)
        let flex = try draw(
            simulator, try bearer(simulator), more: ["x-vertex-ai-llm-shared-request-type: flex"])
        #expect((flex.json["usageMetadata"] as? [String: Any])?["trafficType"] as? String == "ON_DEMAND_FLEX")
    }

    @Test(arguments: [("image/png", "png"), ("image/jpeg", "jpeg")])
    func theTypeCanBeChosen(_ mimeType: String, _ type: String) throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let options = #""imageOutputOptions":{"mimeType":"\#(mimeType)","compressionQuality":80}"#
        let config = #"{"imageConfig":{"imageSize":"512","personGeneration":"ALLOW_ADULT",\#(options)}}"#
        let seen = try draw(simulator, try bearer(simulator), config: config)
        #expect(seen.images.compactMap { Header($0)?.type } == [type])
        #expect(try draw(simulator, try bearer(simulator), config: #"{"imageConfig":{"colour":1}}"#).status == 400)
    }

    @Test func anotherProjectIsDenied() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let seen = try draw(
            simulator, try bearer(simulator), path: "/v1/projects/else/locations/global/" + Self.model)
        #expect(seen.status == 403)
        #expect(
            seen.errorMessage
                == "Permission 'aiplatform.endpoints.predict' denied on resource '//aiplatform.googleapis.com/projects/"
                + "else/locations/global/publishers/google/models/gemini-3.1-flash-image' (or it may not exist).")
    }

    @Test func imageModelsAreAtGlobalOnly() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let seen = try draw(
            simulator, try bearer(simulator),
            path: "/v1/projects/simulator-project/locations/europe-west4/" + Self.model)
        #expect(seen.status == 404)
        #expect(
            seen.errorMessage?.hasPrefix("Publisher Model `projects/simulator-project/locations/europe-west4/") == true)
    }

    @Test func anExpiredOrRevokedTokenIsUnauthenticated() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        func reason(_ seen: Seen) -> String? {
            ((seen.json["error"] as? [String: Any])?["details"] as? [[String: Any]])?.first?["reason"] as? String
        }
        let old = try bearer(simulator)
        _ = try simulator.send(simulator.control + "/clock", body: #"{"jumpSeconds":3600}"#, headers: [])
        let expired = try draw(simulator, old)
        #expect(expired.status == 401 && reason(expired) == "ACCESS_TOKEN_EXPIRED")
        let fresh = try bearer(simulator)
        #expect(try draw(simulator, fresh).status == 200)
        _ = try simulator.send(simulator.control + "/tokens", headers: [], curl: ["-X", "DELETE"])
        #expect(reason(try draw(simulator, fresh)) == "ACCESS_TOKEN_TYPE_UNSUPPORTED")
    }

    @Test func aKeyOfOneAPIIsNoneOfTheOther() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let express = "x-goog-api-key: simulator-express-key"
        #expect(try draw(simulator, express, path: "/v1/" + Self.model).status == 200)
        #expect(try draw(simulator, express).status == 200)
        let studio = try draw(simulator, "x-goog-api-key: simulator-key", path: "/v1/" + Self.model)
        #expect(studio.status == 401)
        #expect(studio.errorMessage?.hasPrefix("API keys are not supported by this API.") == true)
        let native = try simulator.send(
            simulator.url + "/models/gemini-3.1-flash-image:generateContent", body: "{}", headers: [express])
        #expect(native.status == 401)
    }

    @Test func aTurnNeedsItsRoleHere() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let seen = try draw(simulator, try bearer(simulator), role: "")
        #expect(seen.errorMessage == "Please use a valid role: user, model.")
    }
}
