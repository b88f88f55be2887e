// The one funnel that every request takes: decode, identity, permission, act, answer. Every line gets exactly what
// protocol section 1 says: a request one answer under its own id, a notification nothing.

import Engine
import LineSocket
import Logging
import Store
import Synchronization
import Wire

/// Answers lines.
struct Routes: Sendable {
    private let methods: [String: AnyMethod]
    private let identify: @Sendable (LineConnection) -> Principal
    private let inFlight = InFlightIDs()
    private let metrics: Metrics
    private let record: @Sendable (AuditEntry) async throws(StoreError) -> Void
    private let logger: Logger

    /// - Parameters:
    ///   - methods: The table of methods; a name stands in it once.
    ///   - identify: From a connection to the principal behind it.
    ///   - metrics: Told of every answer.
    ///   - record: Puts on record who is denied a method, before they are told.
    ///   - logger: For what no peer may be told.
    init(
        _ methods: [AnyMethod], identify: @escaping @Sendable (LineConnection) -> Principal, metrics: Metrics,
        record: @escaping @Sendable (AuditEntry) async throws(StoreError) -> Void, logger: Logger
    ) {
        self.methods = Dictionary(uniqueKeysWithValues: methods.map { ($0.name, $0) })
        self.identify = identify
        self.metrics = metrics
        self.record = record
        self.logger = logger
    }

    /// The names and the access of every method; tests walk it.
    var table: [(name: String, access: Access)] {
        methods.values.map { ($0.name, $0.access) }.sorted { $0.name < $1.name }
    }

    /// What a line turned out to be.
    enum Opening: Sendable {
        case request(Request, RequestID, LineDescriptors)
        /// The answer is known without asking anybody.
        case answer([UInt8])
        /// Never answered, never acts.
        case notification
    }

    /// Reads one line and claims its id; called in the order in which lines arrive.
    func open(_ line: Line, on connection: LineConnection) -> Opening {
        // Whitespace alone is an empty line.
        if line.bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { return .notification }
        do throws(Request.Refusal) {
            let request = try metrics.timed(.parse) { () throws(Request.Refusal) in try Request(line: line.bytes) }
            guard let id = request.id else { return .notification }
            guard inFlight.begin(id, on: connection.id) else {
                let error = WireError(
                    .invalidRequest, "a request with this id is already in flight on this connection")
                return .answer(Answer.failure(id, error))
            }
            // What no method asked for is closed here, with the line.
            let isWanted = methods[request.method]?.takesDescriptors == true
            return .request(request, id, LineDescriptors(isWanted ? line.descriptors : []))
        } catch {
            return .answer(Answer.failure(error.id, error.error))
        }
    }

    /// Answers what was opened; returns when the answer has been handed to the connection.
    func answer(_ opening: Opening, on connection: LineConnection) async {
        switch opening {
        case .notification: return
        case .answer(let bytes): await connection.send(OutboundLine(bytes))
        case .request(let request, let id, let descriptors):
            let start = ContinuousClock.now
            let model = ServedModel()
            let (answer, outcome) = await answer(request, id, descriptors, model, on: connection)
            metrics.answered(
                methods[request.method]?.name ?? "unknown", model, outcome, in: ContinuousClock.now - start)
            // From here on the id may be used again, so it is given free before the answer can be read.
            inFlight.end(id, on: connection.id)
            if let answer { await connection.send(answer) }
        }
    }

    private func answer(
        _ request: Request, _ id: RequestID, _ descriptors: LineDescriptors, _ model: ServedModel,
        on connection: LineConnection
    ) async -> (line: OutboundLine?, outcome: String) {
        guard let method = methods[request.method] else {
            let nearest = NearestName.to(request.method, among: methods.keys.sorted())
            let error = WireError(
                .unknownMethod, "there is no method \(request.method.prefix(64))",
                hint: nearest.map { "did you mean \($0)?" })
            return Self.failure(id, error)
        }
        let exchange = Exchange(
            id: id, principal: identify(connection), connection: connection, descriptors: descriptors,
            model: model)
        do {
            if method.access == .admin, !exchange.principal.isAdmin {
                let error = WireError(
                    .notPermitted, "\(method.name) is an admin's method", hint: "call it as root on the admin socket")
                try await record(
                    AuditEntry(
                        .denied, at: Startup.now().milliseconds, origin: exchange.principal.origin,
                        details: String(decoding: WireJSON.encode(error.onRecord), as: UTF8.self)))
                throw error
            }
            return (try await method.act(request.params, exchange), "ok")
        } catch let error as WireError {
            return Self.failure(id, error)
        } catch let error as StoreError {
            logger.critical(
                "the ledger cannot be written, so the request is refused",
                metadata: ["method": "\(method.name)", "error": "\(error)"])
            return Self.failure(id, WireError(unrecorded: error))
        } catch is CancellationError {
            // The peer has gone; nobody is there to be answered.
            return (nil, "gone")
        } catch {
            logger.error(
                "a request failed in an unforeseen way",
                metadata: ["method": "\(method.name)", "error": "\(type(of: error))"])
            return Self.failure(
                id, WireError(.internal, "the daemon failed in an unforeseen way", hint: "see journalctl -t darkroomd"))
        }
    }

    private static func failure(_ id: RequestID, _ error: WireError) -> (line: OutboundLine?, outcome: String) {
        (OutboundLine(Answer.failure(id, error)), error.kind.rawValue)
    }
}

/// One request under way: who asked, and under which id.
struct Exchange: Sendable {
    let id: RequestID
    let principal: Principal
    let connection: LineConnection
    /// What came with the line; whoever takes them keeps them open, and nobody else does.
    let descriptors: LineDescriptors
    let model: ServedModel

    /// Tells a step of a job to whoever waits for it.
    func tell(_ event: JobEvent) async { await connection.notify(event.line(for: id)) }
}

/// The descriptors of one line, until somebody takes them.
final class LineDescriptors: Sendable {
    private let descriptors: Mutex<[OwnedDescriptor]>

    init(_ descriptors: [OwnedDescriptor]) { self.descriptors = Mutex(descriptors) }

    /// Gives them away; there are none the second time.
    func take() -> [OwnedDescriptor] {
        descriptors.withLock { descriptors in
            defer { descriptors = [] }
            return descriptors
        }
    }
}

/// A method of the table, its types erased.
struct AnyMethod: Sendable {
    let name: String
    let access: Access
    /// That its line may bring descriptors; those of any other are closed unread.
    var takesDescriptors = false
    let act: @Sendable ([String: JSONValue], Exchange) async throws -> OutboundLine

    /// A method whose answer is one value.
    init<M: Method>(
        _ method: M.Type, _ act: @escaping @Sendable (M.Params, Exchange) async throws -> M.Result
    ) {
        self.init(method) { (params: M.Params, exchange: Exchange) -> OutboundLine in
            OutboundLine(Answer.success(exchange.id, try await act(params, exchange)))
        }
    }

    /// A method that makes its own line, for descriptors and bodies.
    init<M: Method>(
        _ method: M.Type, _ act: @escaping @Sendable (M.Params, Exchange) async throws -> OutboundLine
    ) {
        name = M.name
        access = M.access
        takesDescriptors = M.self == GenerateImage.self || M.self == PriceImage.self
        self.act = { object, exchange in
            var reader = ParamReader(object)
            let params = try M.Params(from: &reader)
            try reader.finish()
            return try await act(params, exchange)
        }
    }
}

/// The ids in flight by connection: the same id twice on one connection could not be told apart.
final class InFlightIDs: Sendable {
    private let ids = Mutex<[UInt64: Set<RequestID>]>([:])

    func begin(_ id: RequestID, on connection: UInt64) -> Bool {
        ids.withLock { $0[connection, default: []].insert(id).inserted }
    }

    func end(_ id: RequestID, on connection: UInt64) {
        ids.withLock { ids in
            ids[connection]?.remove(id)
            if ids[connection]?.isEmpty == true { ids[connection] = nil }
        }
    }
}
