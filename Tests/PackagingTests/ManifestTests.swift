import Foundation
import Testing
import TestKit

/// Package.swift as SwiftPM understands it: each target with what it names.
private struct Manifest: Sendable {
    struct Target: Sendable {
        /// Targets of this package.
        var own: Set<String> = []
        /// Products of other packages.
        var products: Set<String> = []
        var isTest = false
        var isSystem = false
    }

    private(set) var targets: [String: Target] = [:]
    /// In the order of the file.
    private(set) var names: [String] = []

    init() throws {
        // A scratch path of its own: the test run holds the lock of the usual one.
        let scratch = try TemporaryDirectory()
        let outcome = try Tool("swift").run([
            "package", "--package-path", Repository.root.path, "--scratch-path", scratch.path, "dump-package",
        ])
        try #require(outcome.status == 0, "\(outcome)")
        let dump = try JSONDecoder().decode(Dump.self, from: Data(outcome.standardOutput.utf8))
        for target in dump.targets {
            names.append(target.name)
            targets[target.name] = Target(isTest: target.type == "test", isSystem: target.type == "system")
            for dependency in target.dependencies {
                if let name = dependency.ownName { targets[target.name]?.own.insert(name) }
                if let name = dependency.productName { targets[target.name]?.products.insert(name) }
            }
        }
    }

    /// What a target names, and what that names, to the end; itself included.
    func reach(of name: String) -> Set<String> {
        var reached: Set<String> = []
        var waiting = [name]
        while let next = waiting.popLast() {
            guard reached.insert(next).inserted else { continue }
            waiting += targets[next]?.own ?? []
        }
        return reached
    }

    /// Products of other packages that the target or anything under it names.
    func products(under name: String) -> Set<String> {
        reach(of: name).reduce(into: []) { $0.formUnion(targets[$1]?.products ?? []) }
    }

    private struct Dump: Decodable {
        struct Target: Decodable {
            let name: String
            let type: String
            let dependencies: [Dependency]
        }
        /// `{"byName": [name, null]}`, `{"target": [name, null]}` or `{"product": [name, package, …]}`.
        struct Dependency: Decodable {
            let byName: [Word]?
            let target: [Word]?
            let product: [Word]?
            var ownName: String? { (byName ?? target)?.first?.text }
            var productName: String? { product?.first?.text }
        }
        /// A string; anything else is not looked at.
        struct Word: Decodable {
            let text: String?
            init(from decoder: any Decoder) throws { text = try? decoder.singleValueContainer().decode(String.self) }
        }
        let targets: [Target]
    }
}

@Suite struct ManifestTests {
    /// The house from the ground up: a target names only what stands above it here.
    private static let order = [
        "CSystemd", "CImageCodecs", "CAncillary", "Systemd", "Wire", "LineSocket", "ImageHeader", "CBase64", "Client",
        "Gemini", "Quota", "Store", "Engine", "darkroomd", "darkroom", "GeminiSimulator", "gemini-simulator",
        "darkroom-bench",
    ]

    /// Read once: SwiftPM compiles the manifest to read it.
    private static let manifest = Result { try Manifest() }

    @Test func aTargetNamesOnlyWhatStandsAboveIt() throws {
        let manifest = try Self.manifest.get()
        let sources = manifest.names.filter { manifest.targets[$0]?.isTest == false && $0 != "TestKit" }
        #expect(Set(sources) == Set(Self.order))
        for (index, name) in Self.order.enumerated() {
            let named = manifest.targets[name]?.own ?? []
            #expect(named.subtracting(Self.order[..<index]) == [], "\(name)")
        }
    }

    /// The targets whose independence is promised, with all that they may name of ours.
    @Test(arguments: [
        ("Wire", []), ("Quota", []), ("Gemini", ["ImageHeader", "CBase64"]), ("LineSocket", ["CAncillary"]),
        ("Client", ["CAncillary", "Wire", "LineSocket"]),
        ("darkroom", ["CAncillary", "Wire", "LineSocket", "ImageHeader", "Client"]),
    ])
    func aTargetReachesNoMoreThan(name: String, allowed: [String]) throws {
        let reach = try Self.manifest.get().reach(of: name)
        #expect(reach.contains(name))
        #expect(reach.subtracting([name]).subtracting(allowed) == [])
    }

    @Test func theCommandNeedsNothingOfOthersButItsParser() throws {
        let manifest = try Self.manifest.get()
        #expect(manifest.products(under: "Client") == [])
        #expect(manifest.products(under: "darkroom") == ["ArgumentParser"])
    }

    @Test func nothingNamesAnExecutableButTheTests() throws {
        let manifest = try Self.manifest.get()
        let executables: Set = ["darkroomd", "darkroom", "gemini-simulator", "darkroom-bench"]
        for name in Self.order {
            #expect(manifest.targets[name]?.own.intersection(executables) == [], "\(name)")
        }
    }
}
