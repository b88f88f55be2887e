import Foundation
import Testing

/// One name for one thing: units, README and code agree on paths, sockets and identifiers.
@Suite struct NamesTests {
    private static func source(of target: String) throws -> String {
        try Repository.swiftFiles(under: "Sources/\(target)").map { try Repository.text($0) }.joined(separator: "\n")
    }

    @Test func theDefaultSocketIsTheOneOfTheUnit() throws {
        let path = try #require(Unit("darkroom.socket")["Socket.ListenStream"].first)
        for target in ["Client", "darkroomd"] {
            let paths = try Self.source(of: target).matches(of: /"(\/run\/[^"]*\.sock)"/).map { String($0.output.1) }
            #expect(Set(paths).subtracting([path, "/run/darkroom/admin.sock"]) == [], "\(target)")
        }
        #expect(try Self.source(of: "Client").contains("\"\(path)\""))
        #expect(
            try Repository.text("README.md").matches(of: /\/run\/[a-z\/.-]+\.sock/).allSatisfy { $0.output == path })
    }

    @Test func theDaemonKnowsTheSocketsByTheNamesOfTheUnits() throws {
        let source = try Self.source(of: "darkroomd")
        for unit in ["darkroom.socket", "darkroom-admin.socket"] {
            let name = try #require(Unit(unit)["Socket.FileDescriptorName"].first)
            #expect(source.contains("\"\(name)\""), "\(unit)")
        }
    }

    @Test func theDaemonReadsTheCredentialsThatTheUnitLoads() throws {
        let service = try Unit("darkroom.service")
        let loaded = service["Service.LoadCredentialEncrypted"] + service["Service.LoadCredential"]
        #expect(loaded == ["gemini-api-key", "gemini-api-key.plain"])
        let source = try Self.source(of: "darkroomd")
        #expect(source.contains("\"gemini-api-key\""))
        // Written out, or as the suffix to whatever credential a project names.
        #expect(source.contains("gemini-api-key.plain\"") || source.contains(".plain\""))
    }

    @Test func theJournalIdentifierIsTheOneOfTheUnit() throws {
        let identifier = try #require(Unit("darkroom.service")["Service.SyslogIdentifier"].first)
        #expect(try Self.source(of: "Systemd").contains("add(.syslogIdentifier, \"\(identifier)\")"))
    }

    @Test func theConfigurationLiesWhereTheUnitMakesTheDirectory() throws {
        let directory = try #require(Unit("darkroom.service")["Service.ConfigurationDirectory"].first)
        #expect(try Self.source(of: "darkroomd").contains("\"/etc/\(directory)/darkroom.toml\""))
    }

    @Test func theProgramsThatTheUnitStartsAreProductsOfThisPackage() throws {
        let service = try Unit("darkroom.service")
        #expect(service["Service.ExecStart"] == ["/usr/libexec/darkroomd"])
        #expect(service["Service.ExecReload"] == ["+/usr/bin/darkroom admin reload --wait"])
        let manifest = try Repository.text("Package.swift")
        for name in ["darkroomd", "darkroom"] {
            #expect(manifest.contains(".executable(name: \"\(name)\""), "\(name)")
        }
    }
}
