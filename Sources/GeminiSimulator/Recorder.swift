// What was received, kept for those who test: the last requests, and counts since the start.

import FoundationEssentials
import Synchronization

/// One request, without its key.
struct Record: Sendable {
    var number = 0
    var connection: Int
    var arrived = Date.now
    var method: String
    var path: String
    var query: [(name: String, value: String)]
    var headers: [(name: String, value: String)]
    var credential: Credential
    /// Whose key or token it was.
    var project: String? { credential.project }
    var bodyBytes = 0
    var bodySHA256 = ""
    var body: JSON = .null
    var prompt: String?
    var model: String?
    var rule: Int?
    /// nil while no head has been sent.
    var status: Int?
    var sentBytes = 0
    var isFinished = false
    /// Whether the client closed the connection before it had the answer.
    var clientLeft = false

    var json: JSON {
        func object(_ pairs: [(name: String, value: String)]) -> JSON {
            .object(pairs.map { .init(name: $0.name.lowercased(), value: .string($0.value)) })
        }
        return [
            "number": .integer(number), "connection": .integer(connection),
            "arrivedMilliseconds": .integer(Int(arrived.timeIntervalSince1970 * 1000)),
            "method": .string(method), "path": .string(path), "query": object(query), "headers": object(headers),
            "credential": .string(credential.name),
            "project": project.map(JSON.string) ?? .null, "bodyBytes": .integer(bodyBytes),
            "bodySHA256": .string(bodySHA256), "body": body, "prompt": prompt.map(JSON.string) ?? .null,
            "model": model.map(JSON.string) ?? .null, "rule": rule.map(JSON.integer) ?? .null,
            "status": status.map(JSON.integer) ?? .null, "sentBytes": .integer(sentBytes),
            "finished": .bool(isFinished), "clientLeft": .bool(clientLeft),
        ]
    }
}

/// The record of a run: the last `keptRequests` requests and the counts.
final class Recorder: Sendable {
    /// Bound of the requests kept; a benchmark sends more than anybody reads.
    static let keptRequests = 10_000

    private struct State {
        var records: [Int: Record] = [:]
        var received = 0
        var inFlight = 0
        var mostInFlight = 0
        var connections = 0
        var openConnections = 0
        var receivedBytes = 0
        var sentBytes = 0
    }

    private let state = Mutex(State())

    func connectionOpened() -> Int {
        state.withLock { state in
            state.connections += 1
            state.openConnections += 1
            return state.connections
        }
    }

    func connectionClosed() { state.withLock { $0.openConnections -= 1 } }

    /// Begins a record and returns its number.
    func begin(_ record: Record) -> Int {
        state.withLock { state in
            state.received += 1
            state.inFlight += 1
            state.mostInFlight = max(state.mostInFlight, state.inFlight)
            var record = record
            record.number = state.received
            state.records[record.number] = record
            state.records[record.number - Self.keptRequests] = nil
            return record.number
        }
    }

    func change(_ number: Int, _ change: (inout Record) -> Void) {
        state.withLock { state in
            guard var record = state.records[number] else { return }
            change(&record)
            state.records[number] = record
        }
    }

    func end(_ number: Int, sentBytes: Int, clientLeft: Bool) {
        state.withLock { state in
            state.inFlight -= 1
            state.sentBytes += sentBytes
            state.receivedBytes += state.records[number]?.bodyBytes ?? 0
            state.records[number]?.isFinished = true
            state.records[number]?.sentBytes = sentBytes
            state.records[number]?.clientLeft = clientLeft
        }
    }

    func forget() { state.withLock { $0.records = [:] } }

    var requests: JSON {
        let records = state.withLock { $0.records }
        return ["requests": .array(records.keys.sorted().compactMap { records[$0]?.json })]
    }

    var statistics: JSON {
        state.withLock { state in
            [
                "requests": .integer(state.received), "inFlight": .integer(state.inFlight),
                "maxInFlight": .integer(state.mostInFlight), "connectionsAccepted": .integer(state.connections),
                "connectionsOpen": .integer(state.openConnections), "receivedBytes": .integer(state.receivedBytes),
                "sentBytes": .integer(state.sentBytes),
            ]
        }
    }
}
