// Asking about jobs, artifacts and the engine; nothing here changes anything.

import Quota
import Logging
import Synchronization
package import Store
package import Wire

/// What is under way, in numbers.
package struct EngineStatus: Sendable, Equatable {
    package struct Project: Sendable, Equatable {
        package var inFlight: Int
        package var queued: Int
    }

    package var inFlight: Int
    package var queued: Int
    /// Jobs whose outcome nobody knows.
    package var unknown: Int
    package var projects: [String: Project]
}

extension Engine {
    /// A job as it stands, `job.get`'s shape.
    ///
    /// - Throws: `not_found`, also for somebody else's.
    package func result(of id: JobID, for principal: Principal) async throws(WireError) -> JobResult {
        let record: JobRecord?
        do {
            record = try await store.job(id)
        } catch {
            logger.error("a job could not be read", metadata: ["job": "\(id)", "error": "\(error)"])
            throw WireError(error)
        }
        guard let record, principal.owns(record.owner) else { throw .jobNotFound }
        return asOfNow(record.result)
    }

    /// A page of jobs, newest first: the principal's own, or everybody's for an admin.
    package func list(_ params: ListJobs.Params, for principal: Principal) async throws(WireError) -> ListJobs.Result {
        let limit = min(params.limit ?? 50, ListJobs.limit)
        let records: [JobRecord]
        do {
            records = try await store.jobs(
                of: principal.isAdmin ? nil : principal.uid, before: params.cursor.map(JobID.init(rawValue:)),
                state: params.state, label: params.label, limit: limit + 1)
        } catch {
            logger.error("jobs could not be listed", metadata: ["error": "\(error)"])
            throw WireError(error)
        }
        let page = records.prefix(limit).map { asOfNow($0.result) }
        return ListJobs.Result(jobs: page, cursor: records.count > limit ? page.last?.job.rawValue : nil)
    }

    /// A kept image and its file, open for reading at offset 0.
    ///
    /// - Throws: `not_found`, also for somebody else's.
    package func openArtifact(
        _ sha256: String, for principal: Principal
    ) async throws(WireError) -> (entry: ImageEntry, file: OpenFile) {
        do {
            let entry = try await store.artifact(sha256, of: principal.isAdmin ? nil : principal.uid)
            if let entry, let file = try store.artifacts.open(sha256) { return (entry, file) }
        } catch {
            logger.error("an artifact could not be opened", metadata: ["error": "\(error)"])
            throw WireError(error)
        }
        throw WireError(.notFound, "there is no such artifact", hint: "darkroom jobs lists your jobs")
    }

    package func status() async throws(WireError) -> EngineStatus {
        let unknown: Int
        do {
            unknown = try await store.unknownCount()
        } catch {
            throw WireError(error)
        }
        return state.withLock { state in
            let projects = generators.keys.map { name in
                let project = EngineStatus.Project(
                    inFlight: state.scheduler.inFlightCount(project: name),
                    queued: state.scheduler.queuedCount(project: name))
                return (name, project)
            }
            return EngineStatus(
                inFlight: state.scheduler.inFlightCount, queued: state.scheduler.queuedCount, unknown: unknown,
                projects: Dictionary(uniqueKeysWithValues: projects))
        }
    }

    /// `receiving` is known in memory alone: after a crash it means what `sent` means, so no commit is spent on it.
    private func asOfNow(_ result: JobResult) -> JobResult {
        guard result.state == .sent, state.withLock({ $0.jobs[result.job]?.state == .receiving }) else { return result }
        var result = result
        result.state = .receiving
        return result
    }
}
