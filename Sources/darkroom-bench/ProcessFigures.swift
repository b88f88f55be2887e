// What the kernel says about processes: processor time and memory, of the contenders and of everybody else.

import Glibc

enum ProcessFigures {
    /// Processor time of a process and its descendants, threads that are gone included.
    static func processorTime(withDescendants pid: pid_t) -> Duration {
        ([pid] + descendants(of: pid)).reduce(.zero) { $0 + processorTime(of: $1) }
    }

    /// Processor time of the benchmark itself.
    static var ownProcessorTime: Duration { processorTime(of: getpid()) }

    /// The scheduler's own count, in nanoseconds; `stat` has ticks of 10 ms.
    private static func processorTime(of pid: pid_t) -> Duration {
        var clock = clockid_t()
        // The two members of a timespec: with Swift 6.3 their names belong to Glibc or to SwiftOverlayShims, whichever
        // another file of the module happened to import first.
        var time: (seconds: Int, nanoseconds: Int) = (0, 0)
        guard unsafe clock_getcpuclockid(pid, &clock) == 0 else { return .zero }
        let code = unsafe withUnsafeMutablePointer(to: &time) { pointer in
            unsafe clock_gettime(clock, UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: timespec.self))
        }
        return code == 0 ? .seconds(time.seconds) + .nanoseconds(time.nanoseconds) : .zero
    }

    /// Every process that has `pid` above it.
    static func descendants(of pid: pid_t) -> [pid_t] {
        var children: [pid_t: [pid_t]] = [:]
        for process in processes() {
            if let parent = statFields(process).flatMap({ pid_t($0[1]) }) {
                children[parent, default: []].append(process)
            }
        }
        var found: [pid_t] = []
        var pending = children[pid] ?? []
        while let next = pending.popLast() {
            found.append(next)
            pending += children[next] ?? []
        }
        return found
    }

    /// Makes the peak of resident memory what it is now (proc(5), `clear_refs`).
    static func resetPeak(withDescendants pid: pid_t) throws {
        for process in [pid] + descendants(of: pid) {
            let descriptor = unsafe open("/proc/\(process)/clear_refs", O_WRONLY | O_CLOEXEC)
            guard descriptor >= 0 else { throw BenchError.system("/proc/\(process)/clear_refs") }
            defer { close(descriptor) }
            guard unsafe write(descriptor, "5", 1) == 1 else { throw BenchError.system("/proc/\(process)/clear_refs") }
        }
    }

    /// Resident memory now and its peak, in bytes, summed over a process and its descendants.
    static func memory(withDescendants pid: pid_t) throws -> (resident: Int, peak: Int) {
        var sum = (resident: 0, peak: 0)
        for process in [pid] + descendants(of: pid) {
            for line in try ProcFile.text("/proc/\(process)/status").split(separator: "\n") {
                let words = line.split { $0 == " " || $0 == "\t" }
                guard words.count > 1, let kibibytes = Int(words[1]) else { continue }
                if words[0] == "VmRSS:" { sum.resident += kibibytes * 1024 }
                if words[0] == "VmHWM:" { sum.peak += kibibytes * 1024 }
            }
        }
        return sum
    }

    /// Ticks that the benchmark and all its descendants have used, children that ended included.
    static var ownTicks: Int {
        let own = getpid()
        return ([own] + descendants(of: own)).reduce(0) { sum, process in
            // utime, stime, cutime and cstime.
            sum + (statFields(process)?[11...14].compactMap { Int($0) }.reduce(0, +) ?? 0)
        }
    }

    private static func processes() -> [pid_t] {
        guard let directory = unsafe opendir("/proc") else { return [] }
        defer { unsafe closedir(directory) }
        var found: [pid_t] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if let pid = pid_t(name) { found.append(pid) }
        }
        return found
    }

    /// The fields of `/proc/PID/stat` after the name: state, parent, and on from there.
    private static func statFields(_ pid: pid_t) -> [Substring]? {
        guard let text = try? ProcFile.text("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else { return nil }
        let fields = text[end...].dropFirst(2).split(separator: " ")
        return fields.count > 14 ? fields : nil
    }
}

/// Says how much of the machine processes that are not the benchmark's took meanwhile.
struct Bystanders {
    private let start = ContinuousClock.now
    private let busy = Bystanders.busyTicks()
    private let own = ProcessFigures.ownTicks

    /// Share of all processors since the start of this value, 0 to 1; nil when it was too short to tell.
    func share() -> Double? {
        let ticks = Double(sysconf(Int32(_SC_CLK_TCK)))
        let capacity = (ContinuousClock.now - start).seconds * ticks * Double(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        // A tick is 10 ms: below some fifty of them the rounding of many small counts would be what is seen.
        guard capacity >= 50 else { return nil }
        return max(0, Double(Self.busyTicks() - busy - (ProcessFigures.ownTicks - own)) / capacity)
    }

    /// Everything but idle and waiting for a disk, time stolen by the host included.
    private static func busyTicks() -> Int {
        guard let line = try? ProcFile.text("/proc/stat").split(separator: "\n").first else { return 0 }
        let fields = line.split(separator: " ").dropFirst().compactMap { Int($0) }
        return fields.enumerated().reduce(0) { $0 + ([3, 4, 8, 9].contains($1.offset) ? 0 : $1.element) }
    }
}

/// Files that say nothing of their size.
enum ProcFile {
    static func text(_ path: String) throws -> String {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw BenchError.system(path) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = unsafe read(descriptor, &piece, piece.count)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += piece[..<count]
        }
    }
}

extension Duration {
    init(_ time: timeval) { self = .seconds(time.tv_sec) + .microseconds(time.tv_usec) }
}
