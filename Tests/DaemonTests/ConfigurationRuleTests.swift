// What the rules of a configuration that was read come to.

import Engine
import Gemini
import Testing
import Wire

@testable import darkroomd

extension ConfigurationTests {
    @Test func nativeMembersAreForAdminsUntilARuleGrantsThem() throws {
        let catalogue = catalogue
        var params = GenerateImage.Params(prompt: "p")
        params.native = [:]
        func refusal(_ text: String, isAdmin: Bool) throws -> String? {
            let policy = Policy(try load(text)) { catalogue.resolve($0) }
            let principal = Principal(
                uid: 7, gid: 7, groups: [], pid: 1, unit: nil, socket: isAdmin ? "admin" : "api", isAdmin: isAdmin)
            return policy.refusal(of: params, by: principal)?.path
        }
        #expect(try refusal("", isAdmin: false) == "native")
        #expect(try refusal("", isAdmin: true) == nil)
        #expect(try refusal("[[rule]]\nuser = \"7\"\n", isAdmin: false) == "native")
        #expect(try refusal("[[rule]]\nuser = \"7\"\nnative = true\n", isAdmin: false) == nil)
    }

    @Test func aFirstMatchDecidesAndNoMatchDenies() throws {
        let catalogue = try Catalogue.shipped()
        let configuration = try load(
            """
            [[rule]]
            user = "1000"
            unit = "build-*.service"
            models = ["lite"]
            [[rule]]
            user = "1000"
            sizes = ["512"]
            max_count = 2
            [[rule]]
            group = "7"
            """)
        let policy = Policy(configuration) { catalogue.resolve($0) }
        func principal(_ uid: UInt32, groups: [UInt32] = [], unit: String? = nil) -> Principal {
            Principal(uid: uid, gid: uid, groups: groups, pid: 1, unit: unit, socket: "api", isAdmin: false)
        }
        var params = GenerateImage.Params(prompt: "p")
        let inUnit = principal(1000, unit: "build-7.service")
        #expect(policy.refusal(of: params, by: inUnit)?.path == "model")
        params.model = "gemini-3.1-flash-lite-image"
        // What the unit's rule lets through has to pass the one that it narrows.
        #expect(policy.refusal(of: params, by: inUnit)?.path == "imageSize")
        // Outside of the unit the second rule alone decides: the model's own size is 1K, and that is not in its list.
        #expect(policy.refusal(of: params, by: principal(1000))?.path == "imageSize")
        params.model = "flash"
        params.imageSize = "512"
        #expect(policy.refusal(of: params, by: principal(1000)) == nil)
        params.count = 3
        #expect(policy.refusal(of: params, by: principal(1000))?.path == "count")
        #expect(policy.refusal(of: params, by: principal(1001))?.kind == .notPermitted)
        #expect(policy.refusal(of: params, by: principal(1001, groups: [7])) == nil)
    }
}
