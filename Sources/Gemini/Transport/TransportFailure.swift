// What stood between the daemon and Google before a byte of the request had left.

import AsyncHTTPClient
import NIOCore
import NIOPosix
import NIOSSL

enum TransportFailure {
    /// Every error that comes before the request's head is written: it is safe to send again.
    static func beforeSending(_ error: any Error) -> GeminiError {
        switch error {
        case let error as HTTPClientError where error == .cancelled:
            return GeminiError(
                .cancelled, reach: .notSent, charged: .no, "the request was cancelled before it was sent")
        case let error as HTTPClientError where error == .deadlineExceeded || error == .getConnectionFromPoolTimeout:
            return unavailable(.upstreamTimeout, "no connection could be had in time")
        case let error as HTTPClientError where error == .connectTimeout || error == .tlsHandshakeTimeout:
            return unavailable(
                .upstreamTimeout, "no connection came about in time",
                hint: "check that this host may reach the network, and its proxy")
        case is NIOSSLExtraError:
            return unavailable(
                .upstreamUnavailable, "the certificate of the host is for another name",
                hint: "check `base_url`, and whether a proxy opens TLS")
        case let error as NIOSSLError:
            return tls(error)
        case let error as NIOConnectionError:
            return connection(error)
        case let error as ChannelError:
            if case .connectTimeout = error {
                return unavailable(.upstreamTimeout, "no connection came about in time")
            }
            return unavailable(.upstreamUnavailable, "no connection came about")
        case let error as IOError:
            return unavailable(.upstreamUnavailable, "no connection came about (\(word(for: error.errnoCode)))")
        default:
            // The text of an unforeseen error is not passed on: it may hold anything.
            return unavailable(.upstreamUnavailable, "no connection came about")
        }
    }

    /// Every error that comes when a part of the body is still on this side: nobody can have begun to work on it.
    static func whileSending(_ error: any Error) -> GeminiError {
        switch error {
        case let error as GeminiError: error
        case let error as HTTPClientError where error == .cancelled: beforeSending(error)
        case let error as HTTPClientError where error == .deadlineExceeded:
            unavailable(.upstreamTimeout, "the request could not be sent in time")
        default: unavailable(.upstreamUnavailable, "the connection broke while the request was sent")
        }
    }

    private static func tls(_ error: NIOSSLError) -> GeminiError {
        if case .handshakeFailed(let inner) = error, "\(inner)".contains("CERTIFICATE_VERIFY_FAILED") {
            return unavailable(
                .upstreamUnavailable, "the certificate of the host is not trusted",
                hint: "check the clock; if a proxy opens TLS, name its certificate in `ca_file`")
        }
        return unavailable(
            .upstreamUnavailable, "TLS with the host did not come about",
            hint: "check that `base_url` speaks TLS on this port")
    }

    private static func connection(_ error: NIOConnectionError) -> GeminiError {
        if error.connectionErrors.isEmpty, error.dnsAError != nil || error.dnsAAAAError != nil {
            return unavailable(
                .upstreamUnavailable, "the name \(error.host) cannot be resolved", hint: "check the network and its DNS"
            )
        }
        let words = error.connectionErrors.compactMap { ($0.error as? IOError).map { word(for: $0.errnoCode) } }
        // With a family to choose, the addresses of the other one fail too, and say nothing.
        let why = words.first { $0 != otherFamily } ?? words.first ?? "no address answered"
        return unavailable(
            .upstreamUnavailable, "no connection to \(error.host) port \(error.port) (\(why))",
            hint: "check the network, and `base_url`")
    }

    /// What bind(2) says to an address of the other family; see `UpstreamClient`.
    private static let otherFamily = "no address of the configured family"

    private static func word(for code: CInt) -> String {
        switch code {
        case ECONNREFUSED: "refused"
        case ECONNRESET, EPIPE: "reset"
        case EHOSTUNREACH, ENETUNREACH: "unreachable"
        case ETIMEDOUT: "timed out"
        case EACCES, EPERM: "not permitted"
        case EAFNOSUPPORT, EINVAL: otherFamily
        default: "error \(code)"
        }
    }

    private static func unavailable(_ kind: GeminiError.Kind, _ message: String, hint: String? = nil) -> GeminiError {
        GeminiError(kind, reach: .notSent, charged: .no, isRetryable: true, message, hint: hint)
    }
}
