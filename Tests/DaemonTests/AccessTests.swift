// Who may call what: one table in the daemon, and the one of the protocol beside it.

import Engine
import Foundation
import LineSocket
import Logging
import Store
import Systemd
import TestKit
import Testing
import Wire

@testable import darkroomd

@Suite(.serialized) struct AccessTests {
    /// Section 2 of the protocol, row by row.
    private static let protocolTable: [String: Access] = [
        "server.hello": .anyone, "server.status": .anyone, "image.generate": .policy, "image.price": .policy,
        "job.get": .owner, "job.list": .owner, "job.wait": .owner, "job.cancel": .owner, "job.retry": .owner,
        "artifact.open": .owner, "quota.get": .anyone, "usage.report": .owner, "model.list": .anyone,
        "server.diagnose": .policy, "server.metrics": .anyone, "project.pause": .admin, "project.resume": .admin,
        "job.resolve": .admin, "server.reload": .admin, "policy.explain": .admin, "audit.head": .admin,
        "audit.verify": .admin,
    ]

    private static func table() async throws -> [(name: String, access: Access)] {
        let directory = try TemporaryDirectory()
        let configuration = try directory.write("darkroom.toml", "")
        let live = LiveSettings(try Settings(reading: configuration))
        let store = try Store(path: directory.path + "/state", now: Timestamp(milliseconds: 1000))
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let engine = Startup.engine(store, [:], live.configuration, logger)
        let server = LineServer(listeners: [], refusals: .init(lineTooLong: [], tooManyConnections: []))
        let reloading = Reloading(
            path: configuration, live: live, engine: engine, server: server, store: store,
            manager: try ServiceManager(SystemdEnvironment.take()), logger: logger)
        let metrics = Metrics(after: 0)
        let methods = Methods(
            engine: engine, store: store, live: live, projects: [], reloading: reloading, metrics: metrics,
            startedAt: Timestamp(milliseconds: 1000))
        return Routes(
            methods.table(), identify: Identification(live: live).principal, metrics: metrics,
            record: { _ in }, logger: logger
        ).table
    }

    @Test func everyMethodHasTheRoleOfTheProtocolAndThereIsNoOther() async throws {
        let table = try await Self.table()
        #expect(Dictionary(uniqueKeysWithValues: table.map { ($0.name, $0.access) }) == Self.protocolTable)
    }

    /// The table is not only written down: on the ordinary socket root itself is refused.
    @Test func anAdminsMethodIsRefusedOnTheOrdinarySocketWhoeverAsks() throws {
        let daemon = try RunningDaemon(configuration: nil, key: nil)
        let ordinary = try RawSocket(daemon.socket)
        let admin = try RawSocket(daemon.adminSocket)
        let params = #"{"user":"root","prompt":"p","project":"default","job":"none","charged":true}"#
        for (id, method) in Self.protocolTable.sorted(by: { $0.key < $1.key }).map(\.key).enumerated() {
            let isAdmins = Self.protocolTable[method] == .admin
            let refused = try ordinary.call(id, method, params).error
            #expect((refused?.message == "\(method) is an admin's method") == isAdmins, "\(method)")
            let allowed = try admin.call(id, method, params).error
            #expect(allowed?.message != "\(method) is an admin's method", "\(method)")
        }
        let denied = try ChildProcess.python(
            """
            import sqlite3, sys
            print(sqlite3.connect(sys.argv[1]).execute(
                "SELECT count(*) FROM audit WHERE event = 'denied' AND socket = 'api'").fetchone()[0])
            """, daemon.directory.file("state/darkroom.sqlite"))
        #expect(denied == "\(Self.protocolTable.values.count { $0 == .admin })\n")
    }
}
