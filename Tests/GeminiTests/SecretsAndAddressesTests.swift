// The key prints as a placeholder everywhere; the base URL is refused in a sentence; progress is not a flood.

import Glibc
import NIOCore
import Testing

@testable import Gemini

struct ApiKeyTests {
    @Test func theKeyNeverPrints() throws {
        let key = try #require(ApiKey("AIzaSecret"))
        struct Holder { var key: ApiKey }
        var dumped = ""
        dump(Holder(key: key), to: &dumped)
        dump([key], to: &dumped)
        let texts = [
            "\(key)", String(describing: key), String(reflecting: key), "\([key])", "\(Holder(key: key))",
            "\(Optional(key) as Any)", dumped, "\(Mirror(reflecting: key).children.map { $0 })",
        ]
        #expect(texts.filter { $0.contains("Secret") } == [])
        #expect("\(key)" == "ApiKey(…)")
    }

    /// Looked for where it was, through the kernel, since that memory is no longer ours.
    @Test func theBytesAreWipedWithTheLastCopyOfTheKey() throws {
        let bytes = (0..<4_000).map { UInt8(0x30 + $0 % 70) }
        let memory = unsafe open("/proc/self/mem", O_RDONLY | O_CLOEXEC)
        try #require(memory >= 0)
        defer { close(memory) }
        var seen = [UInt8](repeating: 0, count: 70)
        func look(at place: Int) { _ = unsafe pread(memory, &seen, seen.count, place) }
        var key = ApiKey(String(decoding: bytes, as: UTF8.self))
        let object = unsafe withUnsafeBytes(of: key) { unsafe $0.load(as: Int.self) }
        // An object has two words of its own, a lock one, an array four before its bytes: what is looked at first.
        look(at: object + 24)
        let array = seen.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        let place = array + 32 + 2_100
        look(at: place)
        try #require(seen == Array(bytes[2_100..<2_170]))
        #expect(key?.headerValue.utf8.count == 4_000)
        key = nil
        look(at: place)
        #expect(seen != Array(bytes[2_100..<2_170]))
    }

    @Test(arguments: ["", "a b", "a\nb", "ä", "a\u{7F}"])
    func whatCannotStandInAHeaderIsNoKey(_ text: String) {
        #expect(ApiKey(text) == nil)
    }
}

struct BaseURLTests {
    @Test(
        arguments: [
            "https://generativelanguage.googleapis.com/v1beta", "https://h/v1", "https://h:8443/proxy/v1alpha/",
            "http://127.0.0.1:8080/v1beta", "http://localhost/v1beta", "http://[::1]:9/v1beta",
        ])
    func anAddressThatEndsInAVersionIsTaken(_ text: String) throws {
        #expect(try BaseURL(text).text == (text.hasSuffix("/") ? String(text.dropLast()) : text))
    }

    @Test(
        arguments: [
            ("http://generativelanguage.googleapis.com/v1beta", .insecure(host: "generativelanguage.googleapis.com")),
            ("http://127.0.0.1.evil.example/v1beta", .insecure(host: "127.0.0.1.evil.example")),
            ("https://h/v1beta?key=x", .hasQueryOrCredentials), ("https://h/v1beta#x", .hasQueryOrCredentials),
            ("https://user:pw@h/v1beta", .hasQueryOrCredentials), ("http://h", .insecure(host: "h")),
            ("ftp://h/v1beta", .notAURL("ftp://h/v1beta")), ("h/v1beta", .notAURL("h/v1beta")), ("", .notAURL("")),
        ] as [(String, RouteConfigurationError)])
    func otherAddressesAreRefused(_ text: String, _ error: RouteConfigurationError) {
        #expect(throws: error) { try BaseURL(text) }
    }

    @Test(
        arguments: [
            ("https://h", .native, .withoutVersion(path: "")), ("https://h/v1beta", .native, nil),
            ("https://h/v1beta/models", .native, .withoutVersion(path: "/v1beta/models")),
            ("https://h/v1beta/openai/", .native, .compatibilityPath),
            ("https://aiplatform.googleapis.com/v1", .native, .vertexHost),
            ("https://us-central1-aiplatform.googleapis.com/v1/openai", .openai, .vertexHost),
            ("https://generativelanguage.googleapis.com", .vertex, .developerHost),
            ("https://h/v1beta/openai", .openai, nil), ("https://h/v1beta/openai/", .openai, nil),
            ("https://h/v1beta", .openai, .withoutCompatibilityPath(path: "/v1beta")),
            ("https://aiplatform.googleapis.com", .vertex, nil), ("https://h/v1beta1/", .vertex, nil),
            ("https://h/v1beta/openai", .vertex, .withPath("/v1beta/openai")),
            ("https://h/v1/projects/p", .vertex, .withPath("/v1/projects/p")),
        ] as [(String, RouteKind, RouteConfigurationError?)])
    func eachRouteHasItsOwnAddresses(_ text: String, _ kind: RouteKind, _ fault: RouteConfigurationError?) throws {
        #expect(try BaseURL(text).fault(for: kind) == fault)
    }
}

struct ProgressThrottleTests {
    @Test func atMostFourASecondPass() {
        var throttle = ProgressThrottle()
        let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
        let admitted = (0..<1_000).filter { throttle.admits(at: start + .milliseconds($0)) }
        #expect(admitted == [0, 250, 500, 750])
    }
}
