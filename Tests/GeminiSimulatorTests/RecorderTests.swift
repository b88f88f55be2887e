// Rules by match and count, and what the record says of a request.

import Foundation
import Testing
import TestKit

struct RecorderTests {
    @Test func theFirstRuleThatMatchesActsAsOftenAsItSays() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let added = try simulator.rule(
            """
            [{"match":{"prompt":"dog"},"times":2,"do":{"status":503,"body":"dog"}},
             {"match":{"model":"gemini-3-pro-image"},"do":{"status":500,"body":"pro"}}]
            """)
        #expect(added.json["rules"] as? [Int] == [1, 2])
        let texts = try ["a dog", "a dog", "a dog"].map { try simulator.generate($0, model: "gemini-3-pro-image").text }
        #expect(texts == ["dog", "dog", "pro"])
        #expect(try simulator.records().map { $0["rule"] as? Int } == [1, 1, 2])
        _ = try simulator.send(simulator.control + "/rules", curl: ["-X", "DELETE"])
        #expect(try simulator.generate("a dog", model: "gemini-3-pro-image").status == 200)
    }

    @Test func aRequestIsRecordedWithoutItsImages() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        // Longer than what is kept of a string, so that it is hashed as it passes.
        let image = Data([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) + Data(repeating: 0xFB, count: 1_500_000)
        let standard = image.base64EncodedString()
        let urlSafe = standard.replacing("+", with: "-").replacing("/", with: "_")
        for base64 in [standard, standard.replacing("/", with: "\\/"), urlSafe] {
            let body = #"""
                {"contents":[{"parts":[{"text":"two \"words\""},{"inlineData":{"mimeType":"image/png","data":"\#(base64)"}}]}],
                "generationConfig":{"imageConfig":{"imageSize":"512"}}}
                """#
            let seen = try simulator.send(
                simulator.url + "/models/gemini-3.1-flash-image:generateContent", body: body)
            #expect(seen.status == 200, "\(seen.errorMessage ?? "")")
            let record = try #require(try simulator.records().last)
            #expect(record["bodyBytes"] as? Int == body.utf8.count)
            let contents = (record["body"] as? [String: Any])?["contents"] as? [NSDictionary]
            #expect(
                contents == [
                    [
                        "parts": [
                            ["text": "two \"words\""],
                            [
                                "inlineData": [
                                    "mimeType": "image/png", "bytes": 1_500_008,
                                    "sha256": "adbbfd0e47b8d4097c56849600526e8f5ed5736208afa3a4b02d0c61263ff73a",
                                ]
                            ],
                        ]
                    ]
                ])
        }
    }

    @Test func aBodyOver100MegabytesIsRefusedWithAPage() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let long = String(repeating: "A", count: 101 * 1024 * 1024)
        let seen = try simulator.send(
            simulator.url + "/models/gemini-3.1-flash-image:generateContent",
            body: #"{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"\#(long)"}}]}]}"#)
        #expect(seen.status == 413)
        #expect(seen.headers["content-type"] == "text/html; charset=UTF-8")
    }

    @Test func oneConnectionCarriesManyRequestsAndIsCountedOnce() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let url = simulator.url + "/models"
        _ = try simulator.send(url, curl: [url, url])
        let records = try simulator.records()
        #expect(records.map { $0["number"] as? Int } == [1, 2, 3])
        #expect(Set(records.compactMap { $0["connection"] as? Int }).count == 1)
        _ = try simulator.send(simulator.control + "/requests", curl: ["-X", "DELETE"])
        #expect(try simulator.records().isEmpty)
        let statistics = try simulator.send(simulator.control + "/stats").json
        #expect(statistics["requests"] as? Int == 3)
        #expect(statistics["inFlight"] as? Int == 0)
    }

    @Test func recordedBodiesAreSentAsTheyAreToThoseWithAKey() throws {
        let directory = try TemporaryDirectory()
        let body = Data((0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) })
        try body.write(to: URL(filePath: directory.file("gemini-3.1-flash-image.json")))
        let simulator = try RunningSimulator(["--recorded", directory.path], key: nil)
        defer { #expect(simulator.stop() == 0) }
        let seen = try simulator.generate()
        #expect(seen.body == body)
        #expect(seen.headers["content-length"] == "3000000")
        let refused = try simulator.send(simulator.url + "/models/gemini-3.1-flash-image:generateContent", headers: [])
        #expect(refused.status == 403)
    }
}
