// The file and its drop-ins: what is read, what is refused, and on which line.

import Engine
import Foundation
import Gemini
import TestKit
import Testing
import Wire

@testable import darkroomd

@Suite struct ConfigurationTests {
    private let directory: TemporaryDirectory
    let catalogue: Catalogue

    init() throws {
        directory = try TemporaryDirectory()
        catalogue = try Catalogue.shipped()
    }

    func load(_ text: String, dropIns: [String: String] = [:]) throws -> Configuration {
        let file = try directory.write("darkroom.toml", text)
        if !dropIns.isEmpty { try directory.makeDirectory("darkroom.toml.d") }
        for (name, text) in dropIns { _ = try directory.write("darkroom.toml.d/\(name)", text) }
        return try Configuration.load(file, catalogue: catalogue)
    }

    private func error(_ text: String, dropIns: [String: String] = [:]) -> String? {
        do {
            _ = try load(text, dropIns: dropIns)
            return nil
        } catch {
            return "\(error)".replacingOccurrences(of: directory.path + "/", with: "")
        }
    }

    /// The example of protocol section 7, whole, with names that exist on every host.
    private static let whole = """
        default_model = "flash"

        [[project]]
        name       = "default"
        route      = "native"                     # native | openai | vertex
        base_url   = "https://generativelanguage.googleapis.com/v1beta"
        credential = "gemini-api-key"             # a file name in the credentials directory
        ca_file    = "/etc/ssl/certs/extra.pem"   # optional
        proxy      = "http://127.0.0.1:3128"      # optional
        address_family = "any"                    # any | ipv4 | ipv6
        max_concurrent = 8

        [project.limits."gemini-3.1-flash-image"] # all optional
        requests_per_minute = 60
        images_per_minute   = 60
        input_tokens_per_minute = 1000000
        requests_per_day    = 1000

        [project.spend]
        per_10_minutes = 10.0
        per_day        = 50
        per_month      = 500.0

        [limits]
        max_line_bytes = 1048576
        max_queue      = 10000
        default_deadline_seconds = 600

        [[rule]]
        user   = "root"
        models = ["flash", "lite"]
        sizes  = ["512", "1K"]
        max_count = 2
        per_day = 5.0
        priority = "bulk"
        """

    @Test func theExampleOfTheProtocolIsRead() throws {
        let configuration = try load(Self.whole)
        #expect(configuration.projects.map(\.name) == ["default"])
        #expect(configuration.projects.first?.caFile == "/etc/ssl/certs/extra.pem")
        #expect(configuration.rules.count == 1)
        #expect(configuration.rules.first?.uid == 0)
        #expect(configuration.rules.first?.models == ["flash", "lite"])
        #expect(configuration.rules.first?.priority == .bulk)
        #expect(configuration.rules.first?.allowance.perDay == 5_000_000)
        #expect(configuration.projects.first?.limits.map(\.model) == ["gemini-3.1-flash-image"])
        #expect(configuration.projects.first?.spendPer10Minutes == 10_000_000)
        // Every key acts.
        #expect(configuration.cautions == [])
    }

    @Test func withoutAFileThereIsOneProject() throws {
        let configuration = Configuration.withoutFile(catalogue)
        #expect(configuration.projects.map(\.name) == ["default"])
        #expect(configuration.projects.first?.credential == "gemini-api-key")
        #expect(configuration.projects.first?.baseURL.description == "https://generativelanguage.googleapis.com/v1beta")
        #expect(configuration.rules.isEmpty)
    }

    @Test func dropInsAreMergedInNameOrder() throws {
        let configuration = try load(
            "default_model = \"flash\"\n[[project]]\nname = \"a\"\nmax_concurrent = 2\n[[rule]]\nuser = \"0\"\n",
            dropIns: [
                "20.toml": "default_model = \"lite\"\n[limits]\nmax_queue = 7\n",
                "10.toml":
                    "default_model = \"pro\"\n[[project]]\nname = \"b\"\n[[rule]]\nuser = \"1\"\n[limits]\nmax_queue = 5\nmax_line_bytes = 2048\n",
                "30.toml": "[[project]]\nname = \"a\"\ncredential = \"other\"\n",
                "ignored.txt": "nonsense",
            ])
        #expect(configuration.defaultModel == "lite")
        #expect(configuration.projects.map(\.name) == ["a", "b"])
        #expect(configuration.projects.first?.maxConcurrent == 2)
        #expect(configuration.projects.first?.credential == "other")
        #expect(configuration.rules.map(\.uid) == [0, 1])
        #expect(configuration.limits.maxQueue == 7 && configuration.limits.maxLineBytes == 2048)
    }

    @Test func aFileThatWasAskedForHasToBeThere() {
        #expect(throws: ConfigurationError.self) {
            try Configuration.load(directory.file("none.toml"), catalogue: catalogue)
        }
    }

    @Test func aRuleForAUserWhoIsGoneMatchesNobodyAndIsTold() throws {
        let configuration = try load("[[rule]]\nuser = \"nobody-of-this-name\"\n")
        #expect(configuration.cautions.count == 1)
        let root = Principal(uid: 0, gid: 0, groups: [], pid: 1, unit: nil, socket: "api", isAdmin: false)
        #expect(configuration.rules.map { $0.match(of: root) } == [.no])
    }

    @Test func linesAreCountedAlikeWithCRLF() {
        #expect(error("\r\n\r\n[limits]\r\nmax_queu = 1\r\n")?.hasPrefix("darkroom.toml:4: ") == true)
    }

    @Test func anErrorInADropInNamesTheDropIn() {
        #expect(
            error("", dropIns: ["10.toml": "\n[limits]\nmax_queu = 5\n"])
                == "darkroom.toml.d/10.toml:3: there is no key limits.max_queu; did you mean max_queue?")
    }

    @Test(arguments: [
        ("x = [1,\n 2\n", "darkroom.toml:"),
        (
            "[[project]]\nname = \"a\"\n\n[project.limits.\"flash\"]\nrequests_per_minut = 1\n",
            "darkroom.toml:5: there is no key project.limits.flash.requests_per_minut; did you mean requests_per_minute?"
        ),
        (
            "[[project]]\nname = \"a\"\n[project.spend]\nper_day = \"much\"\n",
            "darkroom.toml:4: project.spend.per_day is a string, not a number"
        ),
        (
            "[[project]]\nname = \"a\"\n[[project]]\nname = \"a\"\n",
            "darkroom.toml:3: there is a project \"a\" already in this file"
        ),
        ("[[project]]\nroute = \"native\"\n", "darkroom.toml:1: project.name is missing"),
        ("[project]\nname = \"a\"\n", "darkroom.toml:1: project is written [[project]], one for each"),
        (
            "[[project]]\nname = \"a\"\ncredential = \"../key\"\n",
            "darkroom.toml:3: project.credential is no file name; it names a file in the credentials directory"
        ),
        (
            "[[project]]\nname = \"a\"\nmax_concurrent = 0\n",
            "darkroom.toml:3: project.max_concurrent is 0; 1 to 10000 are allowed"
        ),
        (
            "[[project]]\nname = \"a\"\nroute = \"natvie\"\n",
            "darkroom.toml:3: project.route is \"natvie\"; did you mean \"native\"?"
        ),
        (
            "[[project]]\nname = \"a\"\n\nlocation = \"global\"\n",
            "darkroom.toml:4: project.location belongs to route = \"vertex\", and this project's route is \"native\""
        ),
        (
            "[[project]]\nname = \"a\"\nroute = \"vertex\"\nlocation = \"Mars!\"\n",
            "darkroom.toml:4: project.location is \"Mars!\""
        ),
        ("catalogue = \"models.json\"\n", "darkroom.toml:1: catalogue has to be an absolute path"),
        ("\ncatalogue = \"/nonexistent\"\n", "darkroom.toml:2: catalogue names /nonexistent"),
        ("[[rule]]\nuser = \"0\"\nnative = 1\n", "darkroom.toml:3: rule.native is an integer, not a boolean"),
        (
            "[[rule]]\nuser = \"root\"\nmodels = [\"flash\",\n  \"dall-e\"]\n",
            "darkroom.toml:3: rule.models: there is no model \"dall-e\""
        ),
    ])
    func eachFaultIsNamedWithItsLine(text: String, message: String) {
        let error = error(text)
        #expect(error?.hasPrefix(message) == true, "\(error ?? "no error")")
    }

    @Test func anAdminsCatalogueChangesARowAndAddsOne() throws {
        let file = try directory.write(
            "models.json",
            #"{"models":[{"id":"gemini-3.1-flash-image","maxInputs":2}],"retired":[{"id":"old","successor":"gemini-3-pro-image"}]}"#
        )
        let configuration = try load("catalogue = \"\(file)\"\ndefault_model = \"old\"\n")
        #expect(configuration.catalogue.resolve("flash")?.maxInputs == 2)
        #expect(configuration.catalogue.resolve("old")?.id == "gemini-3-pro-image")
    }

    /// The image models of Vertex AI are in few places.
    @Test func aLocationWithoutTheModelsIsToldBeforeAnybodyAsks() throws {
        let text = "[[project]]\nname = \"v\"\nroute = \"vertex\"\nlocation = \"us-central1\"\n"
        let caution = try #require(try load(text).cautions.first)
        #expect(caution.hasPrefix("project v: Vertex AI has gemini-3.1-flash-image,"), "\(caution)")
        #expect(caution.contains("in other locations than us-central1"))
        #expect(try load(text.replacing("us-central1", with: "global")).cautions == [])
    }

    @Test func aVertexProjectIsRead() throws {
        let configuration = try load(
            """
            [[project]]
            name = "v"
            route = "vertex"
            location = "eu"
            google_project = "my-project"
            credential_kind = "express_key"
            address_family = "ipv6"
            list_models_hours = 2
            [[project]]
            name = "o"
            route = "openai"
            """)
        let projects = configuration.projects
        #expect(projects.map(\.route) == [.vertex, .openai])
        #expect(
            projects[0].vertex
                == ProjectConfiguration.Vertex(
                    location: "eu", googleProject: "my-project", credentialKind: .expressKey))
        #expect(
            projects.map { "\($0.baseURL)" } == [
                "https://aiplatform.eu.rep.googleapis.com", "https://generativelanguage.googleapis.com/v1beta/openai",
            ])
        #expect(projects[0].addressFamily == .ipv6 && projects[0].listingInterval == .seconds(7200))
    }

    /// The shipped example with everything in it uncommented: each key is one, each value that it shows is legal, and
    /// those that count anyway are what it says.
    @Test func theShippedExampleIsAConfiguration() throws {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../Packaging/darkroom.toml")
        let example = try String(contentsOf: file, encoding: .utf8)
        let accounts = ["\"ci\"": "\"0\"", "\"darkroom\"": "\"0\""]
        var text = example.split(separator: "\n").filter { $0.wholeMatch(of: /#(\[|[a-z0-9_]+ = ).*/) != nil }
            .map { $0.dropFirst() }.joined(separator: "\n")
        for (name, number) in accounts { text.replace(name, with: number) }
        text.replace(/catalogue = .*\n/, with: "")
        let shown = try load(text)
        let shipped = try load(example)
        #expect(shown.cautions == [] && shown.rules.count == 2)
        #expect(shown.projects.map(\.name) == ["default", "cloud", "machine"])
        #expect("\(shown.limits)" == "\(shipped.limits)" && shown.defaultModel == shipped.defaultModel)
        #expect(
            shown.timeZone == shipped.timeZone && shown.projects[0].maxConcurrent == shipped.projects[0].maxConcurrent)
        #expect("\(shown.projects[0].baseURL)" == "\(shipped.projects[0].baseURL)")
    }
}
