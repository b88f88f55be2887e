// What lies in FILE.d: which names count, what needs no FILE, and how the tables of a project are merged.

import Engine
import Foundation
import Gemini
import TestKit
import Testing

@testable import darkroomd

@Suite struct DropInTests {
    private let directory: TemporaryDirectory
    private let catalogue: Catalogue

    init() throws {
        directory = try TemporaryDirectory()
        catalogue = try Catalogue.shipped()
    }

    private func load(_ text: String, dropIns: [String: String] = [:]) throws -> Configuration {
        let file = try directory.write("darkroom.toml", text)
        if !dropIns.isEmpty { try directory.makeDirectory("darkroom.toml.d") }
        for (name, text) in dropIns { _ = try directory.write("darkroom.toml.d/\(name)", text) }
        return try Configuration.load(file, catalogue: catalogue)
    }

    /// As an editor leaves it behind: the link leads nowhere.
    @Test func namesWithADotInFrontAreNoDropIns() throws {
        _ = try load("default_model = \"pro\"\n", dropIns: [".hidden.toml": "nonsense", ".toml": "nonsense"])
        try FileManager.default.createSymbolicLink(
            atPath: directory.file("darkroom.toml.d/.#10.toml"), withDestinationPath: "somebody@host.4711:1")
        let configuration = try load("default_model = \"pro\"\n")
        #expect(configuration.defaultModel == "pro")
        try FileManager.default.createSymbolicLink(
            atPath: directory.file("darkroom.toml.d/10.toml"), withDestinationPath: "nowhere.toml")
        #expect(throws: ConfigurationError.self) { try load("") }
    }

    @Test func dropInsNeedNoFileBesideThem() throws {
        try directory.makeDirectory("alone.toml.d")
        _ = try directory.write("alone.toml.d/10.toml", "default_model = \"pro\"\n[[project]]\nname = \"a\"\n")
        _ = try directory.write("alone.toml.d/20.toml", "[[project]]\nname = \"a\"\nmax_concurrent = 3\n")
        let configuration = try Configuration.load(directory.file("alone.toml"), catalogue: catalogue)
        #expect(configuration.defaultModel == "pro" && configuration.projects.map(\.name) == ["a"])
        #expect(configuration.projects.first?.maxConcurrent == 3)
        try directory.makeDirectory("none.toml.d")
        #expect(throws: ConfigurationError.self) {
            try Configuration.load(directory.file("none.toml"), catalogue: catalogue)
        }
    }

    @Test func aProjectsTablesAreMergedKeyByKeyToo() throws {
        let configuration = try load(
            """
            [[project]]
            name = "a"
            [project.limits.flash]
            requests_per_minute = 60
            requests_per_day = 1000
            [project.limits.pro]
            requests_per_minute = 5
            [project.spend]
            per_day = 50.0
            per_10_minutes = 10.0
            """,
            dropIns: [
                "10.toml": """
                [[project]]
                name = "a"
                [project.limits.flash]
                requests_per_minute = 30
                [project.limits.lite]
                requests_per_minute = 7
                [project.spend]
                per_day = 20.0
                """
            ])
        let merged = try load(
            """
            [[project]]
            name = "a"
            [project.limits.flash]
            requests_per_minute = 30
            requests_per_day = 1000
            [project.limits.lite]
            requests_per_minute = 7
            [project.limits.pro]
            requests_per_minute = 5
            [project.spend]
            per_day = 20.0
            per_10_minutes = 10.0
            """, dropIns: ["10.toml": ""])
        #expect(
            Startup.engineSettings(configuration).projectLimits == Startup.engineSettings(merged).projectLimits)
    }
}
