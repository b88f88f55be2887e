// One image by a program that is started for it, as scripts do: the clock runs from before its start to after its end.

import FoundationEssentials
import Glibc

/// A program that fetches one image into a file.
struct FreshProcess {
    let executable: String
    let arguments: [String]
    var environment: [String: String] = [:]
    /// The file it has to write; nil when it writes none.
    let file: String?
    let expectedBytes: Int

    /// The command, asking a daemon.
    static func command(_ size: ImageSize, daemon: DaemonProcess, upstream: Upstream, workplace: Workplace) throws
        -> Self
    {
        let file = "\(workplace.disk)/command.png"
        return try FreshProcess(
            executable: workplace.program("darkroom"),
            arguments: [
                "generate", "a red fox", "--model", size.model, "-o", file, "--quiet", "--socket", daemon.socket,
            ],
            file: file, expectedBytes: upstream.answers.bytes(of: size))
    }

    /// The line that people put into scripts; nil when one of its programs is missing.
    static func pipeline(_ size: ImageSize, upstream: Upstream, workplace: Workplace) -> Self? {
        guard ["curl", "jq", "base64"].allSatisfy({ Workplace.installed($0) != nil }) else { return nil }
        let file = "\(workplace.disk)/pipeline.png"
        let line = """
            curl -sS --fail --cacert "$1" -H "x-goog-api-key: $2" -H 'content-type: application/json' \
            -d '{"contents":[{"parts":[{"text":"a red fox"}]}]}' "$3" \
            | jq -r '.candidates[0].content.parts[] | select(.inlineData) | .inlineData.data' | base64 -d > "$4"
            """
        let url = "\(upstream.baseURL())/models/\(size.model):generateContent"
        return FreshProcess(
            executable: "/bin/sh", arguments: ["-c", line, "sh", upstream.authority, upstream.key, url, file],
            file: file, expectedBytes: upstream.answers.bytes(of: size))
    }

    /// Google's own library; nil when the virtual environment has none.
    static func script(_ size: ImageSize, python: String, upstream: Upstream, workplace: Workplace) throws -> Self? {
        let program = "\(python)/bin/python3"
        guard FileManager.default.isExecutableFile(atPath: program),
            try ChildProcess(program, ["-c", "import google.genai"], error: .null).wait().status == 0
        else { return nil }
        let file = "\(workplace.disk)/script.png"
        let source = """
            import sys
            from google import genai
            from google.genai import types
            base, key, model, path = sys.argv[1:]
            client = genai.Client(api_key=key, http_options=types.HttpOptions(base_url=base))
            answer = client.models.generate_content(model=model, contents="a red fox")
            for part in answer.candidates[0].content.parts:
                if part.inline_data:
                    with open(path, "wb") as file:
                        file.write(part.inline_data.data)
            """
        return FreshProcess(
            executable: program,
            arguments: ["-c", source, "https://localhost:\(upstream.port)", upstream.key, size.model, file],
            environment: ["SSL_CERT_FILE": upstream.authority], file: file,
            expectedBytes: upstream.answers.bytes(of: size))
    }

    /// Runs it `count` times after one run that counts for nothing.
    ///
    /// - Returns: The median time from before the start to after the end.
    func milliseconds(count: Int) throws -> Double {
        let clock = ContinuousClock()
        var durations: [Double] = []
        for run in 0...count {
            if let file { unsafe unlink(file) }
            let start = clock.now
            let ending = try ChildProcess(executable, arguments, environment: environment).wait()
            let duration = clock.now - start
            guard ending.status == 0 else { throw BenchError("\(executable) ended with status \(ending.status)") }
            try check()
            if run > 0 { durations.append(duration.milliseconds) }
        }
        return Statistics.median(durations) ?? 0
    }

    private func check() throws {
        guard let file else { return }
        let data = try Data(contentsOf: URL(filePath: file))
        guard data.count == expectedBytes, data.starts(with: pngSignature) else {
            throw BenchError("\(file) is not the image: \(data.count) of \(expectedBytes) bytes")
        }
    }
}
