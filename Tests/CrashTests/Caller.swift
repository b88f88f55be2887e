// A client of a daemon that may die at any instant: what it was told, and what it has to be told again.

import Foundation
import TestKit
import Wire

/// What a client learnt of one request.
enum Told {
    case result(JobResult)
    case accepted(JobID)
    case error(WireError)
    /// The connection ended, or there was none, before an answer.
    case nothing
}

/// What clients were told, of all requests together.
struct Knowledge {
    /// Every id that was told, by an answer or a notification.
    var accepted: Set<JobID> = []
    /// The images that were answered.
    var images: Set<String> = []
    var done = 0
    var unknown = 0
    var refused: [WireError] = []
}

/// Asks a daemon and keeps what it said.
struct Caller {
    let socket: String
    var knowledge = Knowledge()

    init(_ socket: String) { self.socket = socket }

    /// One request over a connection of its own.
    mutating func ask(_ method: String, _ params: String) -> Told {
        guard let connection = try? RawSocket(socket) else { return .nothing }
        do {
            try connection.send(#"{"jsonrpc":"2.0","id":1,"method":"\#(method)","params":\#(params)}"#)
            while true {
                let message = try connection.receiveMessage()
                if case .object(let event)? = message["params"], case .string(let id)? = event["job"] {
                    knowledge.accepted.insert(JobID(rawValue: id))
                }
                guard message["id"] != nil else { continue }
                return take(message)
            }
        } catch {
            return .nothing
        }
    }

    private mutating func take(_ message: [String: JSONValue]) -> Told {
        let reply = RawSocket.Reply(message: message)
        if let error = reply.error {
            if let job = error.job { knowledge.accepted.insert(job) }
            if error.kind == .outcomeUnknown { knowledge.unknown += 1 } else { knowledge.refused.append(error) }
            return .error(error)
        }
        if let result = try? reply.decode(JobResult.self) {
            knowledge.accepted.insert(result.job)
            knowledge.images.formUnion((result.images + result.extraImages).map(\.sha256))
            if result.state == .done { knowledge.done += 1 }
            return .result(result)
        }
        guard let accepted = try? reply.decode(GenerateImage.Accepted.self) else { return .nothing }
        knowledge.accepted.insert(accepted.job)
        return .accepted(accepted.job)
    }

    /// Asks for an image without its bytes, under a key by which it can be asked for again.
    mutating func generate(_ prompt: String, key: String, _ more: String = "") -> Told {
        let text = String(decoding: WireJSON.encode(prompt), as: UTF8.self)
        let keyText = String(decoding: WireJSON.encode(key), as: UTF8.self)
        return ask(
            "image.generate",
            #"{"prompt":\#(text),"imageSize":"512","delivery":"none","idempotencyKey":\#(keyText)\#(more)}"#)
    }

    /// Waits for every job that was told, until it has ended.
    mutating func waitForAll() {
        for job in knowledge.accepted { _ = ask("job.wait", #"{"job":"\#(job)","delivery":"none"}"#) }
    }
}
