// What happens to a job, on standard error: on a terminal one line that is drawn again, elsewhere one line per step.

import Client
import Glibc
import Wire

/// Draws the steps of one job; used by one thread.
final class Progress {
    enum Style { case none, lines, live }

    private let style: Style
    private let output: String?
    private let start = ContinuousClock.now
    private var stepStart = ContinuousClock.now
    private var event: JobEvent?
    private var told: String?
    private var drawn = ""

    /// - Parameters:
    ///   - quiet: Whether to draw nothing.
    ///   - output: The `-o` to repeat when the wait is interrupted.
    init(quiet: Bool, output: String?) {
        style = quiet ? .none : Self.isTerminal ? .live : .lines
        self.output = output
    }

    private static var isTerminal: Bool {
        let terminal = unsafe getenv("TERM").map { unsafe String(cString: $0) }
        return isatty(STDERR_FILENO) == 1 && terminal != nil && terminal != "dumb"
    }

    /// Takes up a job that was asked for earlier.
    func know(_ job: JobID) { known = job }

    private var known: JobID?

    func hear(_ event: JobEvent) throws {
        if event.state != self.event?.state { stepStart = .now }
        known = event.job
        self.event = event
        switch style {
        case .none: break
        case .lines: tellStep(event)
        case .live: draw()
        }
        try beat()
    }

    /// Draws the time, and ends the wait when a signal came.
    func beat() throws {
        if style == .live { draw() }
        guard let signal = Interruption.pending else { return }
        throw Interruption(signal: signal, job: known, output: output)
    }

    var heartbeat: Heartbeat { Heartbeat(every: Interruption.interval) { [self] in try beat() } }

    func lose(_ job: JobID?) {
        clear()
        Conversation.say(
            "the connection to darkroomd is lost, " + (job.map { "taking up job \($0) again" } ?? "asking again"))
    }

    /// Takes the line off the terminal, so that words can follow.
    func clear() {
        guard !drawn.isEmpty else { return }
        drawn = ""
        Conversation.write("\r\u{1B}[K", to: STDERR_FILENO)
    }

    /// One line per step: what only counts on (a place, bytes, a sign of life) is no step.
    private func tellStep(_ event: JobEvent) {
        let step = "\(event.state) \(event.attempt ?? 0) \(event.reason?.rawValue ?? "")"
        guard step != told else { return }
        let isFirst = told == nil
        told = step
        Conversation.say((isFirst ? "job \(event.job): " : "") + Self.words(event, elapsed: nil))
    }

    private func draw() {
        guard let event else { return }
        let line = "darkroom: " + Self.words(event, elapsed: stepStart.duration(to: .now).components.seconds)
        guard line != drawn else { return }
        drawn = line
        // Narrower than any terminal that one works in: a line that wrapped could not be drawn over.
        Conversation.write("\r" + Conversation.plain(String(line.prefix(79))) + "\u{1B}[K", to: STDERR_FILENO)
    }

    /// What a step is called.
    ///
    /// - Parameters:
    ///   - event: The step.
    ///   - elapsed: Seconds since the step began, where they are wanted.
    /// - Returns: Words without a period.
    static func words(_ event: JobEvent, elapsed: Int64?) -> String {
        var parts: [String] = []
        switch event.state {
        case .queued:
            parts.append("queued")
            if let position = event.position { parts.append("place \(position)") }
            if let wait = event.startsInSeconds, wait >= 0.5 {
                parts.append("starts in about \(Quantity.time(wait))")
            }
        case .waiting:
            parts.append("waiting" + (event.reason.map { " for \($0.rawValue)" } ?? ""))
            if let until = event.until { parts.append("until \(until)") }
            if let position = event.position { parts.append("place \(position)") }
        case .sent:
            parts.append((event.attempt ?? 1) > 1 ? "sent, attempt \(event.attempt ?? 1)" : "sent")
            if let elapsed { parts.append(Quantity.time(Double(elapsed))) }
            if let usually = event.usuallySeconds, usually.count == 2 {
                parts.append("usually \(Int(usually[0].rounded())) to \(Quantity.time(usually[1]))")
            }
        case .receiving:
            parts.append("receiving")
            if let elapsed {
                parts.append(Quantity.bytes(Int64(event.bytes ?? 0)))
                parts.append(Quantity.time(Double(elapsed)))
            }
        case .done, .failed, .cancelled, .unknown: parts.append(event.state.rawValue)
        }
        return parts.joined(separator: ", ")
    }
}
