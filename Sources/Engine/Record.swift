// A request as it is written down: what makes it the same as another, and how it is read back.

import Logging
package import Wire

import FoundationEssentials
import Store

extension Engine {
    /// The request as JSON with sorted keys, less what is not part of "the same request"; its inputs by sha256.
    static func canonical(_ params: GenerateImage.Params) -> [UInt8] {
        var params = params
        params.wait = nil
        params.delivery = nil
        params.deadlineSeconds = nil
        params.priority = nil
        params.label = nil
        params.idempotencyKey = nil
        return WireJSON.encode(params)
    }

    /// What tells a request from another one under the same idempotency key: the request as it was asked, whatever the
    /// policy made of it; a default that is spelt out is none.
    static func sameness(_ params: GenerateImage.Params, inputs: [String]) -> [UInt8] {
        var params = params
        params.inputs = inputs.isEmpty ? nil : inputs.map { .artifact($0) }
        if params.count == 1 { params.count = nil }
        if params.exact == false { params.exact = nil }
        if params.reuse == .never { params.reuse = nil }
        if params.grounding?.isEmpty == true { params.grounding = nil }
        if params.safety?.isEmpty == true { params.safety = nil }
        if params.native?.isEmpty == true { params.native = nil }
        return canonical(params)
    }

    /// The request as JSON with only what decides the image: defaults filled in, the model as it is sent.
    static func reuseKey(_ params: GenerateImage.Params, _ plan: CallPlan) -> [UInt8] {
        var params = params
        params.project = plan.project
        params.route = RouteName(rawValue: plan.route)
        params.model = plan.model.sent
        params.count = params.count ?? 1
        // Another request's result may have differed from what was asked, which an exact one does not take.
        params.exact = params.exact == true ? true : nil
        params.reuse = nil
        params.maxCostUSD = nil
        return canonical(params)
    }

    /// What a job was asked for, as `image.generate` takes it; its inputs as artifacts.
    ///
    /// - Throws: `not_found`, also for somebody else's.
    package func request(of id: JobID, for principal: Principal) async throws(WireError) -> GenerateImage.Params {
        let job = try await result(of: id, for: principal)
        do {
            return try await reread(id)
        } catch {
            logger.error("a request could not be read back", metadata: ["job": "\(id)", "error": "\(error)"])
            throw WireError(error, charged: job.charged, job: id)
        }
    }

    /// What a job was asked for, read back from its row.
    func reread(_ id: JobID) async throws(StoreError) -> GenerateImage.Params {
        guard let (json, priority) = try await store.request(of: id),
            let members = try? JSONDecoder().decode([String: JSONValue].self, from: Data(json))
        else { throw .corrupt("a request") }
        var reader = ParamReader(members)
        do {
            var params = try GenerateImage.Params(from: &reader)
            params.priority = priority
            return params
        } catch {
            throw .corrupt("a request")
        }
    }

    /// What a job brings besides its parameters, read back from its rows.
    func rematerial(_ id: JobID, _ params: GenerateImage.Params) async throws(StoreError) -> Material {
        var material = Material(inputs: try await store.inputs(of: id))
        guard let continues = params.continues else { return material }
        guard case .turns(let turns) = try await store.conversation(of: continues, for: nil) else {
            throw .corrupt("the conversation of a job")
        }
        material.history = turns
        return material
    }

    /// The conversation that a request goes on with.
    func history(_ id: JobID?, for principal: Principal) async throws(WireError) -> [PastTurn] {
        guard let id else { return [] }
        let found: Conversation
        do {
            found = try await store.conversation(of: id, for: principal.isAdmin ? nil : principal.uid)
        } catch {
            logger.error("a conversation could not be read", metadata: ["job": "\(id)", "error": "\(error)"])
            throw WireError(error)
        }
        switch found {
        case .turns(let turns): return turns
        case .absent:
            throw WireError(
                .notFound, "there is no such job to go on with", hint: "darkroom jobs lists yours", path: "continues")
        case .notDone(let state):
            throw WireError(
                .conflict,
                "the job to go on with is \(state.rawValue); only one that is done has an answer to go on with",
                hint: state.isEnded ? "darkroom retry \(id)" : "darkroom wait \(id)", charged: .no, path: "continues",
                job: id)
        case .broken(let missing): throw .brokenConversation(missing)
        case .tooLong:
            throw WireError(
                .tooLarge, "the conversation has \(Store.turnCount) turns, which is the most",
                hint: "give the last image as an input of a new one", path: "continues")
        }
    }
}

extension WireError {
    /// A turn further up is gone.
    static func brokenConversation(_ missing: JobID) -> WireError {
        WireError(
            .notFound, "an earlier turn of this conversation, \(missing), is no longer kept",
            hint: "give the last image as an input instead", path: "continues")
    }
}
