// One connection: its requests one after the other, each read, recorded, answered.

import Crypto
import NIOCore
import NIOHTTP1

typealias RequestParts = NIOAsyncChannelInboundStream<HTTPServerRequestPart>

/// What all connections share.
struct Simulator: Sendable {
    let keys: KeyRing
    let scheme: String
    let rules = RuleBook()
    let recorder = Recorder()
    let api: API
    let recorded: Recorded?
    /// Whether pictures take the time they take at Google.
    let takesItsTime: Bool

    var control: Control { Control(rules: rules, recorder: recorder, api: api) }

    /// Scheme and host as the client named them.
    func origin(_ head: HTTPRequestHead) -> String {
        "\(scheme)://\(head.headers.first(name: "host") ?? "localhost")"
    }
}

/// One client's connection.
struct Connection {
    let simulator: Simulator
    let channel: any Channel
    let number: Int

    /// Answers until the client, or a fault on command, ends the connection.
    func serve(_ parts: RequestParts) async throws {
        var iterator = parts.makeAsyncIterator()
        while let part = try await iterator.next() {
            // Anything else here is the rest of a body that was answered before it was read.
            guard case .head(let head) = part else { continue }
            let target = Target(head.uri)
            let route = Route(method: head.method, target: target)
            let stays =
                if route == .control {
                    try await control(head, target, &iterator)
                } else {
                    try await exchange(head, target, route, &iterator)
                }
            if !stays || !head.isKeepAlive {
                try? await channel.close()
                return
            }
        }
    }

    private func control(
        _ head: HTTPRequestHead, _ target: Target, _ parts: inout RequestParts.AsyncIterator
    ) async throws -> Bool {
        var body = ByteBuffer()
        while case .body(var piece)? = try await parts.next(isolation: #isolation) {
            // A megabyte holds thousands of rules.
            if body.readableBytes <= 1024 * 1024 { body.writeBuffer(&piece) }
        }
        let reply = simulator.control.reply(
            method: head.method.rawValue, target: target, origin: simulator.origin(head),
            body: Array(body.readableBytesView), peer: channel.remoteAddress)
        return try await ReplyWriter(channel: channel, version: head.version).write(reply, Act(contentLength: true))
    }

    /// One request to the API; returns whether the connection can take another.
    private func exchange(
        _ head: HTTPRequestHead, _ target: Target, _ route: Route, _ parts: inout RequestParts.AsyncIterator
    ) async throws -> Bool {
        let credential = simulator.keys.credential(headers: head.headers, query: target.query)
        let number = simulator.recorder.begin(record(of: head, target, route, credential))
        let writer = ReplyWriter(channel: channel, version: head.version)
        var stays = false
        do {
            if let recorded = simulator.recorded?.reply(path: target.path) {
                stays = try await sendRecorded(recorded, credential, number, writer, &parts)
            } else {
                stays = try await play(head, target, route, credential, number, writer, &parts)
            }
        } catch {
            simulator.recorder.end(number, sentBytes: writer.sentBytes, clientLeft: true)
            throw error
        }
        simulator.recorder.end(
            number, sentBytes: writer.sentBytes, clientLeft: !writer.hasCut && !writer.isComplete)
        return stays
    }

    private func record(
        of head: HTTPRequestHead, _ target: Target, _ route: Route, _ credential: Credential
    ) -> Record {
        Record(
            connection: number, method: head.method.rawValue, path: target.path,
            query: target.query.map { ($0.name, simulator.keys.redacted($0.value, name: $0.name)) },
            headers: head.headers.map { ($0.name, simulator.keys.redacted($0.value, name: $0.name)) },
            credential: credential, model: route.modelID)
    }

    private func sendRecorded(
        _ recorded: Reply, _ credential: Credential, _ number: Int, _ writer: ReplyWriter,
        _ parts: inout RequestParts.AsyncIterator
    ) async throws -> Bool {
        var bodyBytes = 0
        while case .body(let piece)? = try await parts.next(isolation: #isolation) { bodyBytes += piece.readableBytes }
        let reply = credential.refusalOnNativeRoute ?? recorded
        simulator.recorder.change(number) {
            $0.bodyBytes = bodyBytes
            $0.status = reply.status
        }
        return try await writer.write(reply, Act(contentLength: true))
    }

    private func play(
        _ head: HTTPRequestHead, _ target: Target, _ route: Route, _ credential: Credential, _ number: Int,
        _ writer: ReplyWriter, _ parts: inout RequestParts.AsyncIterator
    ) async throws -> Bool {
        var call = Call(
            target: target, headers: head.headers, origin: simulator.origin(head), route: route,
            credential: credential)
        if let early = simulator.rules.take(path: target.path, model: route.modelID, prompt: nil) {
            simulator.recorder.change(number) { $0.rule = early.number }
            return try await perform(early.act, number, writer) {
                try await plainReply(call, early.act)
            }
        }
        if head.headers["expect"].contains("100-continue") { try await writer.writeContinue(head.version) }
        var body = RequestBody(
            isJSON: !route.takesBytes,
            continuing: simulator.api.digest(of: route) ?? SHA256())
        while case .body(let piece)? = try await parts.next(isolation: #isolation) { body.append(piece) }
        if body.isTooLarge {
            return try await perform(Act(fixture: "too-large"), number, writer) { Reply(status: 413) }
        }
        let json = body.byteCount == 0 || route.takesBytes ? nil : try? body.parsed()
        call.body = json
        call.received = body
        let recordedBody =
            route == .token
            ? TokenIssuer.recorded(call.form)
            : json.map { RequestBody.withoutImages($0, blobs: body.blobs) } ?? .null
        let prompt = json.map(GenerateRequest.prompt(of:)) ?? ""
        simulator.recorder.change(number) { record in
            record.bodyBytes = body.byteCount
            record.bodySHA256 = body.sha256
            record.body = recordedBody
            record.prompt = prompt
        }
        let act: Act
        if let rule = simulator.rules.take(path: target.path, model: route.modelID, prompt: prompt) {
            simulator.recorder.change(number) { $0.rule = rule.number }
            act = rule.act
        } else {
            do {
                act = try Act.directive(in: prompt) ?? Act()
            } catch let mistake {
                return try await perform(Act(), number, writer) { Control.mistake(mistake.message) }
            }
        }
        let key = head.headers.first(name: Credential.header) ?? target.query.first { $0.name == "key" }?.value
        return try await perform(act, number, writer) {
            if act.echoKey == true { return Self.echo(key ?? "") }
            return try await plainReply(call, act)
        }
    }

    private func plainReply(
        _ call: Call, _ act: Act
    ) async throws -> Reply {
        try await simulator.api.reply(to: call, variation: act.answer ?? AnswerVariation())
    }

    /// What Google's suspended-consumer error has been seen to do.
    private static func echo(_ key: String) -> Reply {
        Refusal(
            status: 403, code: "PERMISSION_DENIED",
            message: "Permission denied: Consumer 'api_key:\(key)' has been suspended.",
            details: [
                [
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "CONSUMER_SUSPENDED",
                    "domain": "googleapis.com", "metadata": ["consumer": .string("api_key:\(key)")],
                ]
            ]
        ).reply
    }

    /// Does what an act says, with the API's own reply where it says nothing of one.
    private func perform(
        _ act: Act, _ number: Int, _ writer: ReplyWriter, _ plain: () async throws -> Reply
    ) async throws -> Bool {
        if act.resetBeforeRead == true { return try await writer.cut(.reset) }
        // The client's going away is the only end of this silence.
        if act.neverAnswer == true { return try await writer.waitForClose() }
        // Drawn first, so that the silence is as long as was asked for and not longer by the drawing.
        var reply = try await Self.reply(of: act, plain)
        if !reply.headers.contains(where: { $0.name.lowercased() == "date" }) {
            reply.headers.append((name: "Date", value: simulator.api.clock.now.httpDate))
        }
        let usual = simulator.takesItsTime ? reply.usualMilliseconds : 0
        if await writer.clientLeaves(within: act.latencyMilliseconds ?? usual) { return false }
        if act.closeBeforeHead == true { return try await writer.cut(.silent, politely: act.closeNotify == true) }
        simulator.recorder.change(number) { $0.status = reply.status }
        return try await writer.write(reply, act)
    }

    private static func reply(of act: Act, _ plain: () async throws -> Reply) async throws -> Reply {
        var reply: Reply
        if let redirect = act.redirect {
            reply = Reply(text: "", status: 302, contentType: "text/html; charset=UTF-8")
            reply.headers.append((name: "Location", value: redirect))
        } else if let fixture = act.fixture {
            reply = Fixture.reply(named: fixture)
        } else if act.body != nil || act.status != nil {
            reply = Reply(text: act.body ?? "", status: 200, contentType: "application/json; charset=UTF-8")
        } else {
            reply = try await plain()
        }
        if let status = act.status { reply.status = status }
        if let type = act.contentType {
            reply.headers = reply.headers.map { $0.name == "Content-Type" ? (name: $0.name, value: type) : $0 }
        }
        for (name, value) in act.headers ?? [:] { reply.headers.append((name: name, value: value)) }
        if act.contentEncodingLie == true { reply.headers.append((name: "Content-Encoding", value: "gzip")) }
        return reply
    }
}
