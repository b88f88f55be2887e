// Refusals on record, before they are told: who was told no, to what, and why.

import Engine
import Gemini
import Store
import Wire

/// What is written down once in ten seconds.
struct RefusalKey: Hashable {
    let uid: UInt32
    let kind: ErrorKind
}

extension Methods {
    /// The refusals that an auditor or an admin looks for; the others are slips of the caller's.
    private static let recorded: Set<ErrorKind> = [
        .notPermitted, .overBudget, .unpriced, .quotaDay, .noQuota, .spendCap, .keyMissing, .keyRejected,
        .keyRestricted, .keyLeaked, .region, .serviceDisabled, .wrongHost, .queueFull,
    ]

    /// Does what somebody asks for, and puts it on record when it is refused before there is a job.
    func onRecord<Answer>(
        _ params: GenerateImage.Params?, _ principal: Principal, _ act: () async throws -> Answer
    ) async throws -> Answer {
        do {
            return try await act()
        } catch let error as WireError where error.job == nil && Self.recorded.contains(error.kind) {
            try await record(error, of: params, principal)
            throw error
        }
    }

    private func record(_ error: WireError, of params: GenerateImage.Params?, _ principal: Principal) async throws {
        // What the policy denies is on record each time; who has no money may ask in a loop.
        let key = RefusalKey(uid: principal.uid, kind: error.kind)
        guard let count = error.kind == .notPermitted ? 1 : refusals.count(key) else { return }
        var details: [String: JSONValue] = ["kind": .string(error.kind.rawValue), "reason": .string(error.message)]
        if count > 1 { details["count"] = .integer(Int64(count)) }
        try await store.record(
            AuditEntry(
                .denied, at: Startup.now().milliseconds, origin: principal.origin, project: params?.project,
                model: params?.model.flatMap { catalogue.resolve($0)?.id },
                details: String(decoding: WireJSON.encode(details), as: UTF8.self)))
    }
}
