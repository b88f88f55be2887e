// One connection to a daemon: a request goes out, events come by, its answer comes back.

import Glibc
import LineSocket
public import Wire

/// A connection to `darkroomd`; blocking, one request at a time, for use by one thread.
///
/// ```swift
/// import Client
/// import Wire
///
/// func draw(_ prompt: String, into descriptor: Int32, socket: String? = nil) throws {
///     let connection = try DarkroomConnection(SocketPath.resolve(socket))
///     var request = GenerateImage.Params(prompt: prompt)
///     request.delivery = .fd
///     let done = try connection.generate(request) { event in
///         print(event.job, event.state)
///     }
///     for image in done.result.images {
///         guard let index = image.fd else { continue }
///         try done.files[index].copy(to: descriptor, count: image.bytes)
///     }
/// }
/// ```
public final class DarkroomConnection {
    /// Where the daemon's socket is.
    public let path: String
    private var channel: LineChannel
    private var lastID: Int64 = 0

    /// How long a daemon that owes a sign of life may be silent.
    ///
    /// It speaks at least every 10 s while a job is `sent` (protocol section 4), and when it is being started by its
    /// socket, as soon as it has recovered its jobs.
    public static let silence: Duration = .seconds(60)

    /// Connects.
    ///
    /// - Parameters:
    ///   - path: The daemon's socket.
    ///   - patience: How long to go on trying while nobody listens, or while there is no socket; without it, a second
    ///     for a daemon that is starting, and none for a socket that is not there.
    /// - Throws: What keeps this program from its daemon, in words for a person.
    public init(_ path: String = SocketPath.resolve(), patience: Duration? = nil) throws(ClientError) {
        self.path = path
        let giveUp = ContinuousClock.now + (patience ?? .seconds(1))
        var backoff = Backoff()
        while true {
            let failure: ClientError
            do throws(ClientError) {
                channel = try Self.connect(path)
                return
            } catch {
                failure = error
            }
            switch failure {
            case .stale: break
            case .notRunning where patience != nil: break
            default: throw failure
            }
            guard ContinuousClock.now < giveUp else { throw failure }
            // Without a heartbeat it throws nothing.
            try? backoff.pause(nil, until: giveUp)
        }
    }

    /// Sends one request and waits for its answer.
    ///
    /// - Parameters:
    ///   - method: What is asked.
    ///   - params: What goes with it.
    ///   - descriptors: Open files to send with the request's line, at most 253; they stay the caller's.
    ///   - limit: Wall time for the whole exchange; without one, a job may wait in its queue as long as it likes, but
    ///     a daemon that owes a sign of life is given `silence`.
    ///   - heartbeat: Called between events; what it throws ends the wait, and the job goes on.
    ///   - onEvent: What happens to the job meanwhile; what it throws ends the wait, and the job goes on.
    /// - Returns: The answer's result, with the files that came beside it.
    /// - Throws: `WireError` for what the daemon answered, `ClientError` when there is no answer, and what the closures
    ///   throw. After anything but a `WireError` the connection is not to be used again.
    public func call<M: Method>(
        _ method: M.Type, _ params: M.Params, descriptors: [Int32] = [], within limit: Duration? = nil,
        heartbeat: Heartbeat? = nil, onEvent: (JobEvent) throws -> Void = { _ in }
    ) throws -> Received<M.Result> {
        lastID += 1
        let id = RequestID.integer(lastID)
        try send(Question.line(method, id: id, params: params), descriptors)
        var wait = Wait(limit: limit, heartbeat: heartbeat)
        while true {
            guard let line = try receive(&wait) else { throw ClientError.closed }
            let message: Incoming<M.Result>
            do {
                message = try WireJSON.decode(Incoming<M.Result>.self, from: line.bytes)
            } catch {
                // A state or a field of a later version in a notification must not cost anybody an answer.
                if (try? WireJSON.decode(Notice.self, from: line.bytes)) != nil { continue }
                throw try understand(error, of: method)
            }
            switch message {
            case .success(id, let result):
                return Received(result: result, files: line.descriptors.map { ReceivedFile($0) }, line: line.bytes)
            case .failure(let answered, let error) where answered == id || answered == nil:
                guard error.kind == .unknownMethod else { throw error }
                let hello = try compareProtocols(unless: method)
                guard let hello else { throw error }
                throw ClientError.methodUnknown(method.name, daemon: hello.server.version)
            case .event(let event) where event.request == nil || event.request == id:
                wait.state = event.state
                try onEvent(event)
            case .success, .failure, .event, .other: break
            }
        }
    }

    /// Connects again after a loss; the requests of before are not sent again.
    func reconnect() throws(ClientError) { channel = try Self.connect(path) }

    private static func connect(_ path: String) throws(ClientError) -> LineChannel {
        do throws(LineChannelError) {
            return try LineChannel(connectingTo: path, timeout: .seconds(5))
        } catch {
            switch error {
            case .notThere: throw .notRunning(path: path)
            case .refused: throw .stale(path: path)
            case .notPermitted: throw .notPermitted(path: path)
            case .pathTooLong: throw .pathTooLong(path: path)
            case .timedOut: throw .timedOut
            case .closed, .lineTooLong: throw .closed
            case .system(let error): throw .system(error.description)
            }
        }
    }

    private func send(_ line: [UInt8], _ descriptors: [Int32]) throws(ClientError) {
        do throws(LineChannelError) {
            try channel.send(line, descriptors: try descriptors.map(Self.duplicate), until: .now + Self.silence)
        } catch .closed {
            // A daemon that refuses a connection says why before it closes it: that line is still to be read.
        } catch .timedOut {
            throw .timedOut
        } catch {
            throw .system("the request could not be sent: \(error)")
        }
    }

    private static func duplicate(_ descriptor: Int32) throws(LineChannelError) -> OwnedDescriptor {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw .system(SystemError("fcntl", errno)) }
        return OwnedDescriptor(taking: copy)
    }

    /// The next line; the heartbeat's work is done while it does not come.
    private func receive(_ wait: inout Wait) throws -> Line? {
        while true {
            do throws(LineChannelError) {
                let line = try channel.receive(until: wait.due)
                wait.heard()
                return line
            } catch {
                switch error {
                case .timedOut: try wait.lookUp()
                case .closed: return nil
                case .system(let error): throw ClientError.system(error.description)
                case .notThere, .refused, .notPermitted, .pathTooLong, .lineTooLong:
                    throw ClientError.system("the answer could not be received: \(error)")
                }
            }
        }
    }

    private struct Notice: Decodable { let method: String }

    /// What an answer that cannot be read means: another protocol, or nonsense.
    private func understand(_ error: any Error, of method: any Method.Type) throws -> ClientError {
        try compareProtocols(unless: method)
        guard let error = error as? DecodingError else { return .invalidAnswer("\(method.name)") }
        let what =
            switch error {
            case .keyNotFound(let key, _): "\(method.name) has no \(key.stringValue)"
            case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
                context.codingPath.isEmpty
                    ? "it is not JSON"
                    : "\(method.name) has a strange \(context.codingPath.map(\.stringValue).joined(separator: "."))"
            @unknown default: method.name
            }
        return .invalidAnswer(what)
    }

    /// Asks for the daemon's protocol, which nobody need know as long as all goes well.
    ///
    /// - Returns: What the daemon says of itself; nothing when that is the very thing that went wrong.
    /// - Throws: `.protocolTooNew`, `.protocolTooOld`, and whatever keeps the answer away.
    @discardableResult
    private func compareProtocols(unless method: any Method.Type) throws -> Hello.Result? {
        guard method != Hello.self else { return nil }
        let hello = try call(Hello.self, Hello.Params(), within: .seconds(5)).result
        if hello.protocol > Hello.protocolVersion { throw ClientError.protocolTooNew(daemon: hello.protocol) }
        if hello.protocol < Hello.protocolVersion { throw ClientError.protocolTooOld(daemon: hello.protocol) }
        return hello
    }
}
