import Foundation
import Testing
import TestKit

/// One unit file, as `Section.Key` to every value that it gives.
struct Unit {
    private(set) var values: [String: [String]] = [:]

    init(_ name: String) throws {
        var section = ""
        for line in try Repository.text("systemd/\(name)").split(separator: "\n") {
            if line.hasPrefix("#") || line.allSatisfy(\.isWhitespace) { continue }
            if line.hasPrefix("[") {
                section = String(line.dropFirst().dropLast())
                continue
            }
            let parts = line.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            try #require(parts.count == 2, "\(name): \(line)")
            values["\(section).\(parts[0])", default: []].append(parts[1])
        }
    }

    subscript(key: String) -> [String] { values[key] ?? [] }
}

@Suite struct UnitTests {
    private static let analyze = Tool("systemd-analyze")

    /// Copies of the units that name programs which exist: `verify` looks for them.
    private func withInstallableUnits<Result>(_ body: ([String]) throws -> Result) throws -> Result {
        let directory = try TemporaryDirectory()
        let names = ["darkroom.service", "darkroom.socket", "darkroom-admin.socket"]
        let paths = try names.map { name in
            let text = try Repository.text("systemd/\(name)")
                .replacing("/usr/libexec/darkroomd", with: "/bin/true")
                .replacing("/usr/bin/darkroom ", with: "/bin/true ")
            return try directory.write(name, text, mode: 0o644)
        }
        return try withExtendedLifetime(directory) { try body(paths) }
    }

    @Test(.enabled(if: analyze.isInstalled, "systemd-analyze is not installed"))
    func systemdHasNothingToSayAboutTheUnits() throws {
        try withInstallableUnits { paths in
            let outcome = try Self.analyze.run(["verify", "--man=no"] + paths)
            #expect(outcome == ChildProcess.Output(status: 0, standardOutput: "", standardError: ""))
        }
    }

    @Test(.enabled(if: analyze.isInstalled, "systemd-analyze is not installed"))
    func theServiceIsExposedByAtMostOnePointFour() throws {
        try withInstallableUnits { paths in
            let service = try #require(paths.first)
            let outcome = try Self.analyze.run(["security", "--offline=true", "--threshold=14", "--no-pager", service])
            #expect(outcome.status == 0, "\(outcome)")
            #expect(outcome.standardOutput.contains("Overall exposure level for darkroom.service: 1."), "\(outcome)")
        }
    }

    @Test func eachSocketHasItsNamePathAndMode() throws {
        let keys = [
            "Socket.ListenStream", "Socket.FileDescriptorName", "Socket.Service", "Socket.SocketUser",
            "Socket.SocketGroup", "Socket.SocketMode",
        ]
        let client = try Unit("darkroom.socket")
        #expect(
            keys.map { client[$0] }
                == [["/run/darkroom/darkroom.sock"], ["api"], ["darkroom.service"], ["root"], ["darkroom"], ["0660"]])
        let admin = try Unit("darkroom-admin.socket")
        #expect(
            keys.map { admin[$0] }
                == [["/run/darkroom/admin.sock"], ["admin"], ["darkroom.service"], ["root"], ["root"], ["0600"]])
    }

    /// What would break a promise without any check noticing; each was seen to.
    @Test(arguments: [
        // Every client becomes uid 65534.
        "Service.PrivateUsers",
        // The sockets' directory is given to the dynamic user and deleted at stop.
        "Service.RuntimeDirectory",
        // Packaging tools then restart the sockets at every upgrade.
        "Install.Also",
        // Secrets in the environment or on D-Bus.
        "Service.EnvironmentFile", "Service.SetCredential",
    ])
    func theServiceDoesNotSay(key: String) throws {
        #expect(try Unit("darkroom.service")[key] == [])
    }

    @Test func theServiceKeepsItsSocketsAliveThroughACrashLoop() throws {
        let service = try Unit("darkroom.service")
        #expect(service["Unit.StartLimitIntervalSec"] == ["0"])
        #expect(service["Service.Restart"] == ["on-failure"])
        #expect(service["Service.RestartSec"] == ["1s"])
        #expect(service["Unit.Requires"] == ["darkroom.socket darkroom-admin.socket"])
        for name in ["darkroom.socket", "darkroom-admin.socket"] {
            #expect(try Unit(name)["Socket.TriggerLimitIntervalSec"] == ["0"])
        }
    }

    /// systemd.exec(5), `DynamicUser=`: a static group of that name without a user of that name is refused, 217/USER.
    @Test func theDynamicUserHasNotTheNameOfTheClientsGroup() throws {
        let group = try #require(Unit("darkroom.socket")["Socket.SocketGroup"].first)
        #expect(try Repository.text("systemd/darkroom.sysusers").contains("\ng \(group) - -\n"))
        let service = try Unit("darkroom.service")
        #expect(service["Service.DynamicUser"] == ["yes"])
        #expect(service["Service.User"] == ["darkroomd"])
        #expect(group != "darkroomd")
    }

    /// journald drops what comes faster than its default limit, and the audit's mirror has to be whole.
    @Test func noRateLimitTakesRowsFromTheJournal() throws {
        #expect(try Unit("darkroom.service")["Service.LogRateLimitIntervalSec"] == ["0"])
    }

    @Test func theServiceLeavesNoTraceOfTheKey() throws {
        let service = try Unit("darkroom.service")
        #expect(service["Service.LoadCredentialEncrypted"] == ["gemini-api-key"])
        #expect(service["Service.LoadCredential"] == ["gemini-api-key.plain"])
        #expect(service["Service.LimitCORE"] == ["0"])
        #expect(service["Service.MemorySwapMax"] == ["0"])
        #expect(service["Service.Environment"] == ["SWIFT_BACKTRACE=enable=no", "LIBDISPATCH_LOG=NO"])
    }
}
