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
        /// Of those queued, the ones that go after all others.
        package var queuedBulk: Int
        package var isPaused: Bool
    }

    /// That new jobs are taken: the jobs of the run before are in memory, and it does not stop.
    package var isAdmitting: Bool
    package var inFlight: Int
    package var queued: Int
    /// Jobs whose outcome nobody knows.
    package var unknown: Int
    /// Requests of this run that were led to a job which was there already, under their idempotency key.
    package var joined: Int
    /// Requests of this run that would have taken an earlier result, and found none.
    package var missed: Int
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
        let found: [JobResult]
        do throws(StoreError) {
            found = try await jobs(params, for: principal, count: limit + 1)
        } catch {
            logger.error("jobs could not be listed", metadata: ["error": "\(error)"])
            throw WireError(error)
        }
        let page = Array(found.prefix(limit))
        return ListJobs.Result(jobs: page, cursor: found.count > limit ? page.last?.job.rawValue : nil)
    }

    /// The newest jobs as they stand now; what a row says of an open job is not all of its state.
    private func jobs(
        _ params: ListJobs.Params, for principal: Principal, count: Int
    ) async throws(StoreError) -> [JobResult] {
        var found: [JobResult] = []
        var before = params.cursor.map(JobID.init(rawValue:))
        while true {
            let rows: [JobResult]
            switch params.state {
            case .queued, .waiting:
                // Which of the two a job is only memory knows.
                rows = try await store.jobs(await unsent(params, for: principal, before: before, count: count))
                    .map(\.result)
            case .sent, .receiving, .done, .failed, .cancelled, .unknown, nil:
                rows = try await store.jobs(
                    of: principal.isAdmin ? nil : principal.uid, before: before,
                    state: params.state == .receiving ? .sent : params.state, label: params.label, limit: count
                ).map(\.result)
            }
            found += rows.map(asOfNow).filter { params.state == nil || $0.state == params.state }
            guard found.count < count, rows.count == count, let last = rows.last else { break }
            before = last.job
        }
        return Array(found.prefix(count))
    }

    /// The newest jobs in memory that are in a state that rows do not tell, newest first.
    private func unsent(
        _ params: ListJobs.Params, for principal: Principal, before: JobID?, count: Int
    ) async -> [JobID] {
        await takenUp()
        let now = clock.now().milliseconds
        return state.withLock { state in
            // Ascending, of the newest so far.
            var newest: [JobID] = []
            for job in state.jobs.values where principal.owns(job.owner) {
                if let label = params.label, job.label != label { continue }
                if let before, job.id.rawValue >= before.rawValue { continue }
                if newest.count == count, job.id.rawValue < newest[0].rawValue { continue }
                guard job.standing(state.scheduler, now: now)?.state == params.state else { continue }
                let place = newest.firstIndex { $0.rawValue > job.id.rawValue } ?? newest.count
                newest.insert(job.id, at: place)
                if newest.count > count { newest.removeFirst() }
            }
            return newest.reversed()
        }
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

    /// The file of an image that a result has named, open for reading at offset 0.
    ///
    /// Whoever was given the result may have its images, so no row is asked again.
    ///
    /// - Throws: `not_found` when the file is gone.
    package func open(_ image: ImageEntry) throws(WireError) -> OpenFile {
        do {
            if let file = try store.artifacts.open(image.sha256) { return file }
        } catch {
            logger.error("an artifact could not be opened", metadata: ["error": "\(error)"])
            throw WireError(error)
        }
        throw WireError(.notFound, "there is no such artifact any more", hint: "darkroom jobs lists your jobs")
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
                    queued: state.scheduler.queuedCount(project: name),
                    queuedBulk: state.scheduler.queuedBulkCount(project: name),
                    isPaused: state.scheduler.isPaused(project: name))
                return (name, project)
            }
            return EngineStatus(
                isAdmitting: state.phase == .running && state.isTakenUp, inFlight: state.scheduler.inFlightCount,
                queued: state.scheduler.queuedCount, unknown: unknown, joined: state.joined, missed: state.missed,
                projects: Dictionary(uniqueKeysWithValues: projects))
        }
    }

    /// The row with what is known in memory alone, as the job's events tell it.
    ///
    /// After a crash `receiving` means what `sent` means, and gates are gone, so no commit is spent on them.
    func asOfNow(_ result: JobResult) -> JobResult {
        guard !result.state.isEnded else { return result }
        let now = clock.now().milliseconds
        let standing = state.withLock { $0.jobs[result.job]?.standing($0.scheduler, now: now) }
        var result = result
        switch (result.state, standing?.state) {
        case (.sent, .receiving?): result.state = .receiving
        case (.queued, let state?) where state == .waiting || state == .queued,
            (.waiting, let state?) where state == .waiting || state == .queued:
            result.state = state
            result.reason = standing?.obstacle?.reason
            result.until = standing?.until
        default: break
        }
        return result
    }
}
