// The exit statuses of the command: one table, grouped as a script would branch. 64 to 78 are sysexits.h's; 64 is
// ArgumentParser's own for wrong use.

import Client
import Wire

/// What the command ends with.
struct ExitStatus: Sendable, Equatable {
    let number: Int32
    /// What a script may take it for, in `--help` and the manual.
    let meaning: String
    /// The daemon's errors that end in it.
    let kinds: [ErrorKind]

    static let success = ExitStatus(number: 0, meaning: "done", kinds: [])
    static let other = ExitStatus(
        number: 1, meaning: "an error that this version does not know; audit verify: broken", kinds: [])
    static let unverified = ExitStatus(number: 2, meaning: "audit verify: the chain could not be read", kinds: [])
    static let usage = ExitStatus(number: 64, meaning: "wrong use of the command", kinds: [])
    static let request = ExitStatus(
        number: 65, meaning: "the request is wrong: change it",
        kinds: [
            .invalidParams, .unsupportedParameter, .unknownModel, .modelUnavailable, .badInput, .tooLarge,
            .upstreamRejected,
        ])
    static let notFound = ExitStatus(
        number: 66, meaning: "no such job, image or input file of yours", kinds: [.notFound])
    static let upstream = ExitStatus(
        number: 69, meaning: "Google was not reached or answered nonsense",
        kinds: [.upstreamUnavailable, .upstreamTimeout, .upstreamInvalid])
    static let `internal` = ExitStatus(number: 70, meaning: "a fault in darkroom: report it", kinds: [.internal])
    static let output = ExitStatus(number: 73, meaning: "the image could not be written; it is kept", kinds: [])
    static let storage = ExitStatus(
        number: 74, meaning: "the daemon's disk is full or fails", kinds: [.storageFull, .auditUnavailable])
    static let later = ExitStatus(
        number: 75, meaning: "nothing was sent: try again later",
        kinds: [.queueFull, .stopping, .paused, .quotaMinute, .deadline])
    static let `protocol` = ExitStatus(
        number: 76, meaning: "daemon and command do not understand each other: upgrade",
        kinds: [.lineTooLong, .parseError, .invalidRequest, .unknownMethod])
    static let notPermitted = ExitStatus(
        number: 77, meaning: "you may not: a rule or your budget", kinds: [.notPermitted, .overBudget, .unpriced])
    static let configuration = ExitStatus(
        number: 78, meaning: "the key, project or configuration needs an admin",
        kinds: [
            .keyMissing, .keyRejected, .keyRestricted, .keyLeaked, .region, .serviceDisabled, .wrongHost,
            .invalidConfiguration,
        ])
    static let quota = ExitStatus(
        number: 79, meaning: "Google's quota or spend limit is used up", kinds: [.quotaDay, .noQuota, .spendCap])
    static let noImage = ExitStatus(
        number: 80, meaning: "Google answered, without the image that was asked for",
        kinds: [.blocked, .noImage, .mismatch])
    static let unknown = ExitStatus(
        number: 81, meaning: "sent, and the outcome is not known: look before asking again",
        kinds: [.outcomeUnknown])
    static let cancelled = ExitStatus(
        number: 82, meaning: "cancelled, or in conflict with another request", kinds: [.cancelled, .conflict])
    static let unreachable = ExitStatus(number: 83, meaning: "darkroomd is not running or does not answer", kinds: [])
    static let partial = ExitStatus(number: 84, meaning: "some of the images failed; the others are written", kinds: [])
    static let fault = ExitStatus(number: 85, meaning: "doctor found a fault", kinds: [])

    static let table: [ExitStatus] = [
        success, other, unverified, usage, request, notFound, upstream, `internal`, output, storage, later, `protocol`,
        notPermitted, configuration, quota, noImage, unknown, cancelled, unreachable, partial, fault,
    ]

    /// The table as `--help` shows it; 128 and a signal's number is the shell's own way to name an interruption.
    static var help: String {
        let rows = table.map { "\($0.number)".leftPadded(to: 5) + "  " + $0.meaning }
        return (rows + ["  130  interrupted; the job goes on"]).joined(separator: "\n")
    }

    init(number: Int32, meaning: String, kinds: [ErrorKind]) {
        self.number = number
        self.meaning = meaning
        self.kinds = kinds
    }

    /// The status for an error of the daemon.
    ///
    /// A deadline that passed while the request was out is no "try again": it may have been paid for.
    static func of(_ error: WireError) -> ExitStatus {
        if error.kind == .deadline, error.charged == .unknown || error.charged == .yes { return unknown }
        return table.first { $0.kinds.contains(error.kind) } ?? other
    }

    /// The status for having no answer.
    static func of(_ error: ClientError) -> ExitStatus {
        switch error {
        case .notRunning, .stale, .pathTooLong, .closed, .timedOut, .system: unreachable
        case .notPermitted: notPermitted
        case .lost, .unanswered: unknown
        case .protocolTooNew, .protocolTooOld, .methodUnknown, .invalidAnswer: `protocol`
        case .copyFailed: output
        }
    }
}
