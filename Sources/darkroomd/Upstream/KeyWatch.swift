// What is known of a project's key, as `server.status` tells it: from the credential file, and from what upstream says.

import Gemini
import Synchronization
import Wire

/// The state of one project's key.
final class KeyWatch: Sendable {
    private struct State {
        var known: GetStatus.KeyState
        /// What upstream said against the key, until it says something for it.
        var refusal: GeminiError?
        /// When it said so, or was asked again last.
        var askedAt = ContinuousClock.now
    }

    /// How long nothing is sent with a key that was refused; then one request asks again, for a key that has been
    /// mended at Google heals by itself.
    private static let patience = Duration.seconds(60)

    private let state: Mutex<State>
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
        state = Mutex(State(known: known))
    }

    var current: GetStatus.KeyState { state.withLock { $0.known } }

    func accepted() {
        state.withLock { state in
            state.known = .ok
            state.refusal = nil
        }
    }

    /// Lets everything through again, since an admin has acted.
    func forgive() { state.withLock { $0.refusal = nil } }

    /// What upstream said of the key a moment ago, which it would say again; nil when it may be asked.
    func refusal() -> GeminiError? { state.withLock { Self.standing($0) } }

    /// As `refusal()`; whoever gets nil of a key that was refused is the one who asks.
    func refusalOrProbe() -> GeminiError? {
        state.withLock { state in
            let standing = Self.standing(state)
            if standing == nil, state.refusal != nil { state.askedAt = .now }
            return standing
        }
    }

    private static func standing(_ state: State) -> GeminiError? {
        guard let refusal = state.refusal, ContinuousClock.now - state.askedAt < patience else { return nil }
        return refusal
    }

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
        guard let heard else { return }
        state.withLock { state in
            state.known = heard
            if error.isOfCredential {
                state.refusal = error
                state.askedAt = .now
            } else if heard == .ok {
                state.refusal = nil
            }
        }
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

extension GeminiError {
    /// That every request with the same credential comes to the same: it has to be replaced, or its project mended.
    fileprivate var isOfCredential: Bool {
        switch kind {
        case .keyRejected, .keyLeaked, .serviceDisabled: true
        case .wrongHost: [401, 403].contains(upstream?.httpStatus)
        // Of the restrictions those of the key itself; what an account may not do can be one model.
        case .keyRestricted:
            finishReason == "PUP_LIMITED_DISABLED" || upstream?.reason?.hasPrefix("API_KEY_") == true
        case .quotaMinute, .quotaDay, .noQuota, .spendCap, .region, .modelUnavailable, .upstreamRejected, .badInput,
            .tooLarge, .blocked, .noImage, .upstreamUnavailable, .upstreamTimeout, .upstreamInvalid, .outcomeUnknown,
            .cancelled, .sinkFailed:
            false
        }
    }
}

extension GetStatus.KeyState {
    /// It is there and belongs to another route.
    static let wrongKind = GetStatus.KeyState(rawValue: "wrong_kind")
}
