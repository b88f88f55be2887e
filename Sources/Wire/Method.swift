// One method, one file: its name, who may call it, what goes in, what comes out. This file says what that means.

/// One thing that a client can ask.
public protocol Method: Sendable {
    associatedtype Params: MethodParams
    associatedtype Result: Codable & Sendable

    /// The name on the wire: `image.generate`.
    static var name: String { get }
    /// Who may call it (protocol section 2).
    static var access: Access { get }
}

/// Who may call a method.
public enum Access: String, Sendable, Hashable, CaseIterable {
    /// Whoever can connect.
    case anyone
    /// Whom the policy's rules let.
    case policy
    /// The uid that owns the job or artifact, and admins.
    case owner
    /// Admins, on the admin socket only.
    case admin
}

/// The parameters of a method: a client encodes them, the daemon reads them by name.
public protocol MethodParams: Encodable, Sendable {
    /// Reads the parameters; the caller checks for strangers afterwards.
    init(from reader: inout ParamReader) throws(WireError)
}

/// The parameters of a method that has none.
public struct NoParams: MethodParams {
    public init() {}
    public init(from reader: inout ParamReader) throws(WireError) {}
}

/// How the bytes of an image come to the caller.
public enum Delivery: String, Sendable, Hashable, Codable, CaseIterable {
    /// Base64 in the answer's line.
    case inline
    /// A read-only descriptor beside the answer's line.
    case fd
    /// Not at all: metadata only.
    case none
}
