// Of two faults at once the first of the protocol's order is told: shape, permission, model, what route and model
// support, values, price and money.

import Foundation
import TestKit
import Testing
import Wire

@Suite(.serialized) struct CheckOrderTests {
    private let simulator: RunningSimulator
    private let daemon: RunningDaemon
    private let socket: RawSocket

    init() throws {
        simulator = try RunningSimulator()
        daemon = try RunningDaemon(
            configuration: RunningDaemon.configuration(
                simulator,
                extra: "refuse_unpriced = true",
                project: """
                    [project.spend]
                    per_day = 0.01
                    [[rule]]
                    socket = "api"
                    models = ["flash", "pro", "lite"]
                    sizes = ["1K", "2K", "4K"]
                    max_count = 2
                    """))
        socket = try RawSocket(daemon.socket)
    }

    @Test func theFirstInThatOrderIsTold() throws {
        let rows: [(params: String, kind: ErrorKind, path: String?)] = [
            // Shape before permission, in each of the ways to be out of shape.
            (#""count":3,"prioritty":"bulk""#, .invalidParams, "prioritty"),
            (#""count":3,"seed":"x""#, .invalidParams, "seed"),
            (#""count":3,"inputs":[{"fd":0}]"#, .invalidParams, "inputs.0.fd"),
            (#""count":3,"model":7"#, .invalidParams, "model"),
            // Permission before the model, of which there is none.
            (#""count":3,"model":"nothing-like-it""#, .notPermitted, "model"),
            (#""count":3,"aspectRatio":"1:8","model":"pro""#, .notPermitted, "count"),
            (#""imageSize":"512","aspectRatio":"7:3""#, .notPermitted, "imageSize"),
            (#""count":3,"maxCostUSD":0"#, .notPermitted, "count"),
            // The model before what it supports.
            (#""model":"flash","exact":true,"grounding":["web"]"#, .unknownModel, "model"),
            // What it supports before values.
            (#""model":"lite","grounding":["web"],"aspectRatio":"7:3""#, .unsupportedParameter, "grounding"),
            // Values before price and money.
            (#""aspectRatio":"7:3","maxCostUSD":0"#, .invalidParams, "aspectRatio"),
            (#""safety":{"HARM_CATEGORY_NONE":"OFF"},"maxCostUSD":0"#, .invalidParams, "safety.HARM_CATEGORY_NONE"),
            // And money last.
            (#""maxCostUSD":0"#, .overBudget, "maxCostUSD"),
            (#""label":"l""#, .overBudget, nil),
        ]
        for row in rows {
            let reply = try socket.call(1, "image.generate", #"{"prompt":"p","delivery":"none",\#(row.params)}"#)
            let error = try #require(reply.error, "\(row.params)")
            #expect(error.kind == row.kind && error.path == row.path, "\(row.params): \(error)")
            #expect(error.job == nil && error.charged == nil, "\(row.params): \(error)")
        }
        #expect(try simulator.spending() == [])
        #expect(try daemon.holdCount == 0)
    }

    @Test func diagnosingIsForThoseWhoMayAskForImages() throws {
        _ = try daemon.directory.write(
            "darkroom.toml",
            RunningDaemon.configuration(
                simulator, project: "[[rule]]\nsocket = \"api\"\nmethods = [\"image.generate\"]"),
            mode: 0o644)
        #expect(try RawSocket(daemon.adminSocket).call(1, "server.reload").error == nil)
        let error = try #require(try socket.call(2, "server.diagnose").error)
        #expect(error.kind == .notPermitted && error.charged == nil)
        #expect(try socket.call(3, "image.price", #"{"prompt":"p"}"#).error?.kind == .notPermitted)
    }
}
