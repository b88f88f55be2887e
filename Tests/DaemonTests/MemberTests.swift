// Every result has the members that the protocol shows, no fewer and, but for what its manual adds, no more: clients are
// written against the examples and index them. What is not known is there as null.

import Foundation
import TestKit
import Testing
import Wire

@Suite(.serialized) struct MemberTests {
    private let simulator: RunningSimulator
    private let daemon: RunningDaemon
    private let client: RawSocket
    private let admin: RawSocket

    init() throws {
        simulator = try RunningSimulator()
        daemon = try RunningDaemon(
            configuration: RunningDaemon.configuration(
                simulator,
                project: """
                    [project.limits.flash]
                    requests_per_minute = 60
                    [project.spend]
                    per_day = 50.0
                    [[rule]]
                    socket = "api"
                    per_day = 20.0
                    """))
        client = try RawSocket(daemon.socket)
        admin = try RawSocket(daemon.adminSocket)
    }

    private static let model = "model{answered,asked,sent}"
    private static let end = "reused,route,startedAt,state,text,timing{overheadMs,queuedMs,upstreamMs}"
    private static let tokens = "usage{imageTokens,outputTokens,promptTokens,thoughtTokens}"

    /// The members of a result that is done, its images with these.
    private static func done(_ image: String) -> String {
        "attempts,cost{basis,usd},createdAt,endedAt,extraImages[],failed[],images[\(image)],job,label,\(model),"
            + "project,requested{aspectRatio,imageSize},\(end),\(tokens),warnings[]"
    }

    private func shape(_ method: String, _ params: String = "{}", on socket: RawSocket? = nil) throws -> String {
        let reply = try (socket ?? client).call(1, method, params)
        return try #require(reply.result, "\(reply.message)").shape
    }

    @Test func aJobsResultHasThemWhateverItsDelivery() throws {
        let kept = "bytes,height,mimeType,sha256,width"
        #expect(
            try shape("image.generate", #"{"prompt":"p"}"#) == Self.done("bytes,data,height,mimeType,sha256,width"))
        let reply = try client.call(2, "image.generate", #"{"prompt":"q","delivery":"fd"}"#)
        #expect(reply.result?.shape == Self.done("bytes,fd,height,mimeType,sha256,width"))
        for descriptor in client.takeDescriptors() { close(descriptor) }
        let result = try client.call(3, "image.generate", #"{"prompt":"r","delivery":"none"}"#).decode(JobResult.self)
        let job = #"{"job":"\#(result.job.rawValue)"}"#
        #expect(try shape("job.get", job) == Self.done(kept))
        #expect(try shape("job.wait", #"{"job":"\#(result.job.rawValue)","delivery":"none"}"#) == Self.done(kept))
        #expect(try shape("job.retry", #"{"job":"\#(result.job.rawValue)","delivery":"none"}"#) == Self.done(kept))
        #expect(try shape("job.list", #"{"limit":1}"#) == "cursor,jobs[\(Self.done(kept))]")
        #expect(try shape("job.retry", #"{"job":"\#(result.job.rawValue)","wait":false}"#) == "job,state")
        #expect(try shape("job.cancel", job) == "charged,job,state")
        let image = try #require(result.images.first)
        let open = #""sha256":"\#(image.sha256)""#
        #expect(try shape("artifact.open", "{\(open)}") == "bytes,data,height,mimeType,sha256,width")
        #expect(try shape("artifact.open", #"{\#(open),"delivery":"none"}"#) == kept)
    }

    @Test func whatAJobDoesNotKnowIsNull() throws {
        #expect(try admin.call(1, "project.pause", #"{"project":"default"}"#).error == nil)
        let queued = try client.call(2, "image.generate", #"{"prompt":"p","wait":false}"#)
        #expect(queued.result?.shape == "job,state")
        let job = try queued.decode(GenerateImage.Accepted.self).job.rawValue
        let got = try client.call(3, "job.get", #"{"job":"\#(job)"}"#)
        #expect(
            got.result?.shape
                == "attempts,cost,createdAt,endedAt,extraImages[],failed[],images[],job,label,\(Self.model),project,"
                + "reason,requested{aspectRatio,imageSize},reused,route,startedAt,state,text,timing,usage,warnings[]")
        guard case .object(let members)? = got.result, case .object(let model)? = members["model"] else {
            Issue.record("\(got.message)")
            return
        }
        for name in ["cost", "endedAt", "startedAt", "label", "text", "timing", "usage"] {
            #expect(members[name] == .null, "\(name)")
        }
        #expect(model["answered"] == .null && members["state"] == .string("waiting"))
        #expect(try client.call(4, "job.cancel", #"{"job":"\#(job)"}"#).error == nil)
        #expect(try shape("job.get", #"{"job":"\#(job)"}"#).contains("error{code,data{charged,job,kind,retryable},"))
    }

    @Test func aJobsTimesAreRFC3339InUTC() throws {
        let reply = try client.call(1, "image.generate", #"{"prompt":"p","delivery":"none"}"#)
        guard case .object(let members)? = reply.result else {
            Issue.record("\(reply.message)")
            return
        }
        var times: [String] = []
        for name in ["createdAt", "startedAt", "endedAt"] {
            guard case .string(let text)? = members[name] else { continue }
            #expect(text.wholeMatch(of: /[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3})?Z/) != nil)
            times.append(text)
        }
        #expect(times.count == 3)
    }

    @Test func everyOtherResultHasThem() throws {
        _ = try client.call(1, "image.generate", #"{"prompt":"p","delivery":"none"}"#).decode(JobResult.self)
        let spend = "spend[heldUSD,kind,limitUSD,resetsAt,spentUSD]"
        let windows = "windows[held,kind,limit,remaining,resetsAt,source,used]"
        let table: [(method: String, params: String, members: String)] = [
            (
                "server.hello", "{}",
                "features[],maxInputs,maxLineBytes,protocol,server{name,version},you{gid,roles[],uid,unit,user}"
            ),
            (
                "server.status", "{}",
                "diskFreeBytes,inFlight,projects[inFlight,key,name,paused,queued,route],queued,ready,startedAt,unknown"
            ),
            (
                "image.price", #"{"prompt":"p"}"#, "expectedUSD,holdUSD,model,project,route,startsInSeconds"
            ),
            ("quota.get", "{}", "projects[models[model,\(windows)],name,\(spend)],you{\(spend)}"),
            ("usage.report", "{}", "rows[images,jobs,usd],totalUSD"),
            ("usage.report", #"{"by":"user"}"#, "rows[images,jobs,usd,user],totalUSD"),
            ("usage.report", #"{"by":"model"}"#, "rows[images,jobs,model,usd],totalUSD"),
            ("usage.report", #"{"by":"project"}"#, "rows[images,jobs,project,usd],totalUSD"),
            ("usage.report", #"{"by":"day"}"#, "rows[day,images,jobs,usd],totalUSD"),
            (
                "model.list", "{}",
                "models[aliases[],aspectRatios[],available,id,imageSizes[],maxInputs,"
                    + "projects[name,state],reason,routes[],state,successor,"
                    + "usdPerImage{1K,2K,4K,512}]"
            ),
            ("server.diagnose", "{}", "steps[found,meaning,next,project,step,verdict],verdict"),
            ("server.metrics", "{}", "text"),
        ]
        for row in table { #expect(try shape(row.method, row.params) == row.members, "\(row.method) \(row.params)") }
        let admins: [(method: String, params: String, members: String)] = [
            ("project.pause", #"{"project":"default"}"#, "paused,project"),
            ("project.resume", #"{"project":"default"}"#, "paused,project"),
            ("server.reload", "{}", "reloaded"),
            ("policy.explain", #"{"user":"root","prompt":"p"}"#, "allowed,reason,rule"),
            ("audit.head", "{}", "hash,sequence"), ("audit.verify", "{}", "firstBroken,ok,rows"),
        ]
        for row in admins { #expect(try shape(row.method, row.params, on: admin) == row.members, "\(row.method)") }
    }

    /// Nobody's quota is used and no rule decides: still there, as null.
    @Test func whatHasNoValueIsNull() throws {
        let quota = try client.call(1, "quota.get")
        #expect(quota.result?.contains("resetsAt", .null) == true, "\(quota.message)")
        _ = try daemon.directory.write("darkroom.toml", RunningDaemon.configuration(simulator), mode: 0o644)
        #expect(try admin.call(2, "server.reload").error == nil)
        let explained = try admin.call(3, "policy.explain", #"{"user":"root","prompt":"p"}"#)
        #expect(explained.result?.contains("rule", .null) == true, "\(explained.message)")
    }

    @Test func everyEventHasWhatItsStateShows() throws {
        try simulator.addRule(
            #"{"match":{"prompt":"slow"},"do":{"latencyMilliseconds":900,"chunkBytes":20000,"chunkDelayMilliseconds":40}}"#
        )
        let reply = try client.call(5, "image.generate", #"{"prompt":"slow","delivery":"none"}"#)
        var shapes = Set(reply.events.map { JSONValue.object($0).shape })
        #expect(try admin.call(1, "project.pause", #"{"project":"default"}"#).error == nil)
        let late = try client.call(6, "image.generate", #"{"prompt":"late","deadlineSeconds":0.5}"#)
        shapes.formUnion(late.events.map { JSONValue.object($0).shape })
        #expect(
            shapes.isSuperset(of: [
                "attempt,job,request,state,usuallySeconds[]", "job,position,reason,request,state,until",
            ]), "\(shapes)")
        #expect(
            shapes.subtracting([
                "attempt,job,request,state,usuallySeconds[]", "job,position,reason,request,state,until",
                "bytes,job,request,state", "job,position,request,startsInSeconds,state", "job,request,state",
            ]) == [], "\(shapes)")
    }
}

extension JSONValue {
    /// The names of its members and of theirs, in order: `a,b{c},d[e]`; of an array those of its first element.
    var shape: String {
        switch self {
        case .object(let members):
            members.sorted { $0.key < $1.key }.map { name, value in
                switch value {
                case .object: "\(name){\(value.shape)}"
                case .array: "\(name)[\(value.shape)]"
                default: name
                }
            }.joined(separator: ",")
        case .array(let elements): elements.first?.shape ?? ""
        case .null, .bool, .integer, .number, .string: ""
        }
    }

    /// Whether a member of that name and value is anywhere in it.
    func contains(_ name: String, _ wanted: JSONValue) -> Bool {
        switch self {
        case .object(let members):
            members[name] == wanted || members.values.contains { $0.contains(name, wanted) }
        case .array(let elements): elements.contains { $0.contains(name, wanted) }
        case .null, .bool, .integer, .number, .string: false
        }
    }
}
