// JSON-RPC 2.0, one message per line (protocol section 1): reading requests and answers, writing both.

import FoundationEssentials

/// A request as it came off the wire, not yet read by its method.
public struct Request: Sendable, Hashable {
    /// Absent on a notification, which is never answered and never acts.
    public let id: RequestID?
    public let method: String
    public let params: [String: JSONValue]

    /// Why a line is no request; the id is used whenever it could be read.
    public struct Refusal: Error, Sendable, Hashable {
        public let id: RequestID?
        public let error: WireError
    }

    /// Reads one line.
    ///
    /// - Throws: `parse_error` for what is not JSON in UTF-8 or too deep, `invalid_request` for what is no request.
    public init(line: [UInt8]) throws(Refusal) {
        switch LineCheck.verdict(line) {
        case .acceptable: break
        case .notJSON: throw Self.parseError
        case .tooManyValues:
            guard let envelope = try? JSONDecoder().decode(Envelope.self, from: Data(line)) else {
                throw Self.parseError
            }
            guard envelope.hasID else {
                (self.id, self.method, self.params) = Self.notification
                return
            }
            throw Refusal(
                id: envelope.id,
                error: WireError(.tooLarge, "the request has more than \(LineCheck.values) values"))
        }
        guard let value = try? JSONDecoder().decode(JSONValue.self, from: Data(line)) else { throw Self.parseError }
        guard case .object(let message) = value else {
            throw Refusal(
                id: nil,
                error: WireError(
                    .invalidRequest, "a request is a JSON object, not \(value.kindName)",
                    hint: "send one request per line; batches are not supported"))
        }
        // A notification is never answered, whatever it holds.
        guard message["id"] != nil else {
            (self.id, self.method, self.params) = Self.notification
            return
        }
        let id = message["id"].flatMap(RequestID.init)
        func refuse(_ what: String) -> Refusal { Refusal(id: id, error: WireError(.invalidRequest, what)) }
        if let given = message["id"], id == nil {
            throw refuse("the id of a request is a string or an integer of 64 bits, not \(given.kindName)")
        }
        guard message["jsonrpc"] == .string("2.0") else { throw refuse("the member jsonrpc has to be \"2.0\"") }
        guard case .string(let method)? = message["method"] else {
            throw refuse("the member method has to be a string")
        }
        switch message["params"] {
        case nil: params = [:]
        case .object(let members)?: params = members
        case .some(let other): throw refuse("params is an object or absent, not \(other.kindName)")
        }
        self.id = id
        self.method = method
    }

    /// The members of a notification, of which nothing is read.
    private static let notification: (RequestID?, String, [String: JSONValue]) = (nil, "", [:])

    /// A request of which only the id is read, so that its values cost nothing.
    private struct Envelope: Decodable {
        let hasID: Bool
        let id: RequestID?

        private enum CodingKeys: String, CodingKey { case id }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            hasID = container.contains(.id)
            id = try? container.decode(RequestID.self, forKey: .id)
        }
    }

    private static let parseError = Refusal(
        id: nil,
        error: WireError(
            .parseError,
            "the line is not JSON in UTF-8 with at most \(LineCheck.depth) levels"))
}

/// Writes the lines that the daemon sends; each is without the LF that ends it.
public enum Answer {
    private struct Success<Result: Encodable>: Encodable {
        let jsonrpc = "2.0"
        let id: RequestID
        let result: Result
    }

    private struct Failure: Encodable {
        let jsonrpc = "2.0"
        let id: RequestID?
        let error: WireError

        private enum CodingKeys: String, CodingKey { case jsonrpc, id, error }

        // Written out because an id that could not be read is `null`, not left out (JSON-RPC 2.0 section 5).
        func encode(to encoder: any Encoder) throws {
            var container = encoder.container(keyedBy: CodingKeys.self)
            try container.encode(jsonrpc, forKey: .jsonrpc)
            try container.encode(id, forKey: .id)
            try container.encode(error, forKey: .error)
        }
    }

    public static func success(_ id: RequestID, _ result: some Encodable) -> [UInt8] {
        WireJSON.encode(Success(id: id, result: result))
    }

    public static func failure(_ id: RequestID?, _ error: WireError) -> [UInt8] {
        WireJSON.encode(Failure(id: id, error: error))
    }
}

/// The one way in which values become JSON text here: sorted keys, so that a line is the same each time.
public enum WireJSON {
    public static func encode(_ value: some Encodable) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return [UInt8](try encoder.encode(value))
        } catch {
            // Only a NaN or an infinity can end here, and none is ever put into a value of this module.
            preconditionFailure("a value of the protocol could not be written: \(error)")
        }
    }

    public static func decode<Value: Decodable>(_ type: Value.Type, from line: [UInt8]) throws -> Value {
        try JSONDecoder().decode(type, from: Data(line))
    }
}

/// A line that the daemon sent: an answer, or a notification.
public enum Incoming<Result: Decodable & Sendable>: Sendable {
    case success(RequestID, Result)
    /// The id is absent when the daemon could not read it.
    case failure(RequestID?, WireError)
    case event(JobEvent)
    /// A notification that this version does not know; to be ignored.
    case other
}

extension Incoming: Decodable {
    private enum CodingKeys: String, CodingKey { case id, result, error, method, params }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if let method = try container.decodeIfPresent(String.self, forKey: .method) {
            self = method == JobEvent.method ? .event(try container.decode(JobEvent.self, forKey: .params)) : .other
        } else if container.contains(.error) {
            self = .failure(
                try container.decodeIfPresent(RequestID.self, forKey: .id),
                try container.decode(WireError.self, forKey: .error))
        } else {
            self = .success(
                try container.decode(RequestID.self, forKey: .id), try container.decode(Result.self, forKey: .result))
        }
    }
}

/// Writes a request's line, as a client sends it; without the LF.
public enum Question {
    private struct Message<Params: Encodable>: Encodable {
        let jsonrpc = "2.0"
        let id: RequestID
        let method: String
        let params: Params
    }

    public static func line<M: Method>(_ method: M.Type, id: RequestID, params: M.Params) -> [UInt8] {
        WireJSON.encode(Message(id: id, method: M.name, params: params))
    }
}
