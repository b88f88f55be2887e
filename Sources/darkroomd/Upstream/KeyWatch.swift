// What is known of a project's key, as `server.status` tells it: from the credential file, and from what upstream says.

import Gemini
import Synchronization
import Wire

/// The state of one project's key.
final class KeyWatch: Sendable {
    private let state: Mutex<GetStatus.KeyState>
    private let credential: String
    /// Why there is no key, if there is none.
    let fault: Fault?

    /// Why a credential cannot be used; the text is a clause for a person.
    enum Fault: Sendable, Hashable {
        case missing(String)
        case unusable(String)
        /// A key that belongs to another route.
        case wrongKind(String)

        var text: String {
            switch self {
            case .missing(let text), .unusable(let text), .wrongKind(let text): text
            }
        }
    }

    /// - Parameters:
    ///   - credential: The name of the credential, for the hint.
    ///   - fault: Why it could not be read; nothing when it could.
    init(credential: String, fault: Fault?) {
        self.credential = credential
        self.fault = fault
        let known: GetStatus.KeyState =
            switch fault {
            case nil: .unread
            case .missing, .unusable: .missing
            case .wrongKind: .wrongKind
            }
        state = Mutex(known)
    }

    var current: GetStatus.KeyState { state.withLock { $0 } }

    func accepted() { state.withLock { $0 = .ok } }

    /// Takes what an error says of the key; most errors say nothing.
    func heard(_ error: GeminiError) {
        let heard: GetStatus.KeyState? =
            switch error.kind {
            case .keyRejected: .rejected
            case .keyLeaked: GetStatus.KeyState(rawValue: "leaked")
            case .keyRestricted: GetStatus.KeyState(rawValue: "restricted")
            case .region, .serviceDisabled, .wrongHost: GetStatus.KeyState(rawValue: error.kind.rawValue)
            // Whoever judges a request or a quota has accepted the key before; what was refused on this side says nothing.
            case _ where error.upstream == nil: nil
            case .quotaMinute, .quotaDay, .noQuota, .spendCap, .modelUnavailable, .upstreamRejected, .badInput,
                .blocked,
                .noImage:
                .ok
            case .tooLarge, .upstreamUnavailable, .upstreamTimeout, .upstreamInvalid, .outcomeUnknown, .cancelled,
                .sinkFailed:
                nil
            }
        if let heard { state.withLock { $0 = heard } }
    }

    /// Takes what an error of a models listing says of the key.
    ///
    /// Vertex does not list models everywhere; that there is no such path says nothing of a key.
    func heard(listing error: GeminiError) {
        if error.upstream?.httpStatus != 404 { heard(error) }
    }

    /// That upstream has said something against the key, and nothing for it since.
    var isRefused: Bool { ![.ok, .missing, .unread, .wrongKind].contains(current) }

    /// The error of a request that needs the key.
    func missing() -> WireError {
        let reason = fault?.text ?? "credential \(credential) is missing"
        return WireError(
            .keyMissing, "there is no key: \(reason)",
            hint: Self.mending(credential))
    }

    /// What an admin types to put another key into a credential.
    static func mending(_ credential: String) -> String {
        "as root: systemd-creds encrypt --name=\(credential) - /etc/credstore.encrypted/\(credential) && systemctl restart darkroom"
    }
}

extension GetStatus.KeyState {
    /// It is there and belongs to another route.
    static let wrongKind = GetStatus.KeyState(rawValue: "wrong_kind")
}
