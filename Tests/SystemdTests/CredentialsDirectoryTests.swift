import FoundationEssentials
import Glibc
import Testing

@testable import Systemd

@Suite struct CredentialsDirectoryTests {
    private static let names = ["gemini-api-key", "gemini-api-key.plain"]

    /// Reads from a directory with these files; the secret is what was handed to the closure.
    private func read(
        _ files: [String: String], firstOf names: [String] = names, maximumBytes: Int = 512
    ) async throws -> Result<Found, CredentialError> {
        try await withTemporaryDirectory { path in
            for (name, content) in files {
                try Data(content.utf8).write(to: URL(filePath: "\(path)/\(name)"))
            }
            do throws(CredentialError) {
                let (name, secret) = try CredentialsDirectory(path: path)
                    .readKey(firstOf: names, maximumBytes: maximumBytes) { Self.text($0) }
                return .success(Found(name: name, secret: secret))
            } catch { return .failure(error) }
        }
    }

    struct Found: Equatable {
        let name: String
        let secret: String
    }

    private static func text(_ bytes: Span<UInt8>) -> String {
        var text = ""
        for index in bytes.indices { text.unicodeScalars.append(Unicode.Scalar(bytes[index])) }
        return text
    }

    @Test func theEncryptedCredentialWinsOverThePlainOne() async throws {
        let both = try await read(["gemini-api-key": "AQ.sealed", "gemini-api-key.plain": "AIzaPlain"])
        #expect(both == .success(Found(name: "gemini-api-key", secret: "AQ.sealed")))
        let plain = try await read(["gemini-api-key.plain": "AIzaPlain\n"])
        #expect(plain == .success(Found(name: "gemini-api-key.plain", secret: "AIzaPlain")))
    }

    @Test func aCredentialThatIsThereAndWrongIsNotReplacedByTheNext() async throws {
        let answer = try await read(["gemini-api-key": "", "gemini-api-key.plain": "AIzaPlain"])
        #expect(answer == .failure(.empty(name: "gemini-api-key")))
    }

    @Test func withoutAnyTheErrorNamesThemAll() async throws {
        #expect(try await read([:]) == .failure(.missing(names: Self.names)))
        #expect(
            CredentialError.missing(names: Self.names).description
                == "credential gemini-api-key or gemini-api-key.plain is missing")
        let nowhere = CredentialsDirectory(path: "/nonexistent")
        #expect(throws: CredentialError.missing(names: ["a"])) { try nowhere.readKey(firstOf: ["a"]) { _ in } }
    }

    @Test(arguments: ["", "\n"])
    func aCredentialWithoutAKeyIsEmpty(content: String) async throws {
        #expect(try await read(["gemini-api-key": content]) == .failure(.empty(name: "gemini-api-key")))
    }

    @Test(arguments: [
        "AIza key", " AIza", "AIza\n\n", "AIza\r\n", "AIza\nsecond", "AIza\t", "AIzaé", "AIza\0", "\u{FEFF}AIza",
    ])
    func whatIsNoPrintableWordIsMalformedAndNotQuoted(content: String) async throws {
        let answer = try await read(["gemini-api-key": content])
        #expect(answer == .failure(.malformed(name: "gemini-api-key")))
        #expect(!CredentialError.malformed(name: "gemini-api-key").description.contains("AIza"))
    }

    @Test func theLimitIsExactAndDoesNotCountTheNewline() async throws {
        let fits = String(repeating: "k", count: 8)
        for content in [fits, fits + "\n"] {
            let answer = try await read(["a": content], firstOf: ["a"], maximumBytes: 8)
            #expect(answer == .success(Found(name: "a", secret: fits)))
        }
        for content in [fits + "k", fits + "k\n", fits + fits] {
            let answer = try await read(["a": content], firstOf: ["a"], maximumBytes: 8)
            #expect(answer == .failure(.tooLong(name: "a", maximumBytes: 8)))
        }
    }

    /// Looked for where it was, through the kernel, since that memory is no longer ours.
    @Test func theBytesAreWipedBeforeTheirBufferIsLetGo() async throws {
        try await withTemporaryDirectory { path in
            let content = (0..<8_000).map { UInt8(0x30 + $0 % 70) }
            try Data(content).write(to: URL(filePath: "\(path)/a"))
            let memory = unsafe open("/proc/self/mem", O_RDONLY | O_CLOEXEC)
            try #require(memory >= 0)
            defer { close(memory) }
            var seen = [UInt8](repeating: 0, count: 70)
            var place = 0
            _ = try CredentialsDirectory(path: path).readDocument(firstOf: ["a"]) { bytes in
                place = unsafe bytes.withUnsafeBufferPointer { Int(bitPattern: $0.baseAddress) } + 4_000
                _ = unsafe pread(memory, &seen, seen.count, place)
            }
            #expect(seen == Array(content[4_000..<4_070]))
            seen = [UInt8](repeating: 0, count: 70)
            _ = unsafe pread(memory, &seen, seen.count, place)
            #expect(seen != Array(content[4_000..<4_070]))
        }
    }

    @Test(arguments: ["", ".", "..", "../secret", "a/b", "a:b", "a b", "é", String(repeating: "a", count: 256)])
    func aNameThatIsNoFileNameIsRefused(name: String) async throws {
        #expect(try await read([:], firstOf: [name]) == .failure(.badName))
    }

    @Test func whatIsNoRegularFileIsRefusedWithoutWaiting() async throws {
        try await withTemporaryDirectory { path in
            try #require(unsafe mkfifo("\(path)/fifo", 0o600) == 0)
            try #require(unsafe mkdir("\(path)/directory", 0o700) == 0)
            for name in ["fifo", "directory"] {
                #expect(throws: CredentialError.unreadable(name: name, errno: EINVAL)) {
                    try CredentialsDirectory(path: path).readKey(firstOf: [name]) { _ in }
                }
            }
        }
    }
}
