// A request under an idempotency key: the job that has the key is its answer, whatever would stand in the way of a new
// one, and of several that come at one instant one is admitted while the others wait for its verdict.

import Logging
import Store
import Synchronization
import Wire

/// An idempotency key of somebody.
struct OwnedKey: Hashable, Sendable {
    let uid: UInt32
    let key: String
}

extension Engine {
    /// Takes a key for the time of an admission; waits while another request of the same key is being admitted.
    ///
    /// - Throws: `cancelled` when the calling task was, while it waited.
    func take(_ key: OwnedKey) async throws(WireError) {
        while true {
            let token = makeToken()
            let isTaken = await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let verdict = state.withLock { state -> Bool? in
                        guard state.keys[key] != nil else {
                            state.keys[key] = [:]
                            return true
                        }
                        guard !Task.isCancelled else { return false }
                        state.keys[key]?[token] = continuation
                        return nil
                    }
                    if let verdict { continuation.resume(returning: verdict) }
                }
            } onCancel: {
                state.withLock { $0.keys[key]?.removeValue(forKey: token) }?.resume(returning: false)
            }
            if isTaken { return }
            guard !Task.isCancelled else { throw WireError(.cancelled, "nobody waits any more") }
        }
    }

    /// Lets the next request of a key try.
    func giveBack(_ key: OwnedKey) {
        let waiting = state.withLock { $0.keys.removeValue(forKey: key) } ?? [:]
        for waiter in waiting.values { waiter.resume(returning: false) }
    }

    /// The job that has a key already.
    ///
    /// - Throws: `conflict` when it was asked something else, and what keeps the inputs from being read.
    func job(
        under key: OwnedKey, _ params: GenerateImage.Params, _ asked: GenerateImage.Params, _ inputs: [InputSource]
    ) async throws(WireError) -> JobID? {
        let known: KeyedJob?
        do {
            known = try await store.job(under: key.key, of: key.uid)
        } catch {
            logger.error("an idempotency key could not be looked up", metadata: ["error": "\(error)"])
            throw WireError(error)
        }
        guard let known else { return nil }
        let digests: [String]
        do throws(InputError) {
            digests = try await store.digests(of: inputs, limits: settings.inputs)
        } catch {
            throw WireError(error)
        }
        var homed = params
        homed.inputs = digests.isEmpty ? nil : digests.map { .artifact($0) }
        let isSame = known.wasAsked([Self.sameness(asked, inputs: digests), Self.canonical(homed)])
        return try found(known.id, isSame: isSame)
    }

    /// The job under an idempotency key.
    func found(_ existing: JobID, isSame: Bool) throws(WireError) -> JobID {
        guard isSame else {
            throw WireError(
                .conflict, "another request has this idempotency key", hint: "darkroom show \(existing)",
                charged: .no, path: "idempotencyKey", job: existing)
        }
        return existing
    }
}
