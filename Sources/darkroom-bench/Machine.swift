// What the figures were measured on, and with which versions.

import FoundationEssentials
import Glibc

enum Machine {
    /// Lines for the head of a report.
    static func description(python: String?, place: String) -> [String] {
        [
            "processor: \(processor), \(sysconf(Int32(_SC_NPROCESSORS_ONLN))) of them; memory: \(memory)",
            "system: \(release), Linux \(kernel)",
            "state on disk lies in \(place)",
            "contenders: " + versions(python: python).joined(separator: ", "),
        ]
    }

    private static var processor: String { value(of: "model name", in: "/proc/cpuinfo", separator: ":") ?? "unknown" }

    private static var memory: String {
        let words = value(of: "MemTotal", in: "/proc/meminfo", separator: ":")?.split(separator: " ")
        return words?.first.flatMap { Double($0) }.map { "\(($0 * 1024 / 1e9).short) GB" } ?? "unknown"
    }

    private static var release: String {
        value(of: "PRETTY_NAME", in: "/etc/os-release", separator: "=")?.filter { $0 != "\"" } ?? "unknown"
    }

    private static var kernel: String {
        let text = (try? ProcFile.text("/proc/sys/kernel/osrelease")) ?? "unknown"
        return String(text.prefix { $0 != "\n" })
    }

    private static func value(of key: String, in path: String, separator: Character) -> String? {
        guard let lines = try? ProcFile.text(path).split(separator: "\n"),
            let line = lines.first(where: { $0.hasPrefix(key) }), let mark = line.firstIndex(of: separator)
        else { return nil }
        return String(line[mark...].dropFirst().drop { $0 == " " })
    }

    private static func versions(python: String?) -> [String] {
        var found: [String] = []
        for (name, option) in [("nginx", "-v"), ("curl", "--version"), ("jq", "--version")] {
            if let program = Workplace.installed(name), let text = firstLine(of: program, [option]) {
                found.append(text.split(separator: " ").prefix(name == "curl" ? 2 : 9).joined(separator: " "))
            }
        }
        if let python {
            let source = "from importlib.metadata import version as v\nprint(', '.join(f'{n} {v(n)}' for n in "
            for name in ["litellm", "google-genai"] {
                if let text = firstLine(of: "\(python)/bin/python3", ["-c", source + "['\(name)']))"]) {
                    found.append(text)
                }
            }
        }
        return found
    }

    /// The first line that a program writes, to whichever stream; nil when it fails.
    private static func firstLine(of program: String, _ arguments: [String]) -> String? {
        let path = "/tmp/darkroom-bench-\(getpid()).version"
        defer { unsafe unlink(path) }
        guard
            let child = try? ChildProcess(
                "/bin/sh", ["-c", "exec \"$@\" 2>&1", "sh", program] + arguments, output: .file(path)),
            child.wait().status == 0, let text = try? ProcFile.text(path)
        else { return nil }
        return String(text.prefix { $0 != "\n" })
    }
}
