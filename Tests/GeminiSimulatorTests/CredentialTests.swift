// Which credentials the native route takes.

import Foundation
import Testing
import TestKit

struct CredentialTests {
    @Test(
        arguments: [
            (["x-goog-api-key: simulator-key"], "", 200, nil),
            ([], "?key=simulator-key", 200, nil),
            (
                [], "", 403,
                "Method doesn't allow unregistered callers (callers without established identity). Please use API "
                    + "Key or other form of API consumer identity to call this API."
            ),
            (["x-goog-api-key: wrong"], "", 400, "API key not valid. Please pass a valid API key."),
            ([], "?key=wrong", 400, "API key not valid. Please pass a valid API key."),
            (
                ["x-goog-api-key: simulator-key"], "?key=simulator-key", 400,
                "Multiple authentication credentials received. Please pass only one."
            ),
            (
                ["x-goog-api-key: simulator-key", "authorization: Bearer simulator-key"], "", 400,
                "Multiple authentication credentials received. Please pass only one."
            ),
            (
                ["authorization: Bearer simulator-key"], "", 401,
                "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
                    + "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
            ),
        ] as [([String], String, Int, String?)])
    func exactlyOneRightCredentialIsTaken(_ headers: [String], _ query: String, _ status: Int, _ message: String?)
        throws
    {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let seen = try simulator.send(simulator.url + "/models" + query, headers: headers)
        #expect(seen.status == status)
        #expect(seen.errorMessage == message)
    }

    @Test func severalKeysCanBeValid() throws {
        let simulator = try RunningSimulator(["--key", "one", "--key", "two"], key: nil)
        defer { #expect(simulator.stop() == 0) }
        let statuses = try ["one", "two", "simulator-key"].map {
            try simulator.send(simulator.url + "/models", headers: ["x-goog-api-key: \($0)"]).status
        }
        #expect(statuses == [200, 200, 400])
    }

    @Test func theRecordNeverHoldsAKey() throws {
        let simulator = try RunningSimulator(key: "hidden-key")
        defer { #expect(simulator.stop() == 0) }
        _ = try simulator.send(simulator.url + "/models?key=hidden-key", headers: ["x-goog-api-key: other-secret"])
        _ = try simulator.send(simulator.url + "/models", headers: ["authorization: Bearer hidden-key"])
        let record = try simulator.send(simulator.control + "/requests", headers: []).text
        #expect(!record.contains("hidden-key") && !record.contains("other-secret"))
        #expect(try simulator.records().map { $0["credential"] as? String } == ["several", "bearer"])
    }
}
