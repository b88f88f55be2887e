// The comparison: everybody on the same work, round by round, in turns.

import ArgumentParser
import Dispatch
import FoundationEssentials
import Glibc

extension Section: ExpressibleByArgument {}

struct CompareCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Measure Darkroom beside what people use today, and print the figures as Markdown.",
        discussion: """
            darkroomd, darkroom and gemini-simulator have to lie beside this program, built for release. nginx, curl and \
            jq take part when they are installed; LiteLLM's proxy and the google-genai library when --python names a \
            virtual environment that has them (Packaging/contenders/install makes one).
            """)

    @Option(help: "How often everything is measured.")
    var rounds = 5

    @Option(
        parsing: .upToNextOption,
        help: "Only these parts: \(Section.allCases.map(\.rawValue).joined(separator: ", ")).")
    var only: [Section] = []

    @Option(help: "Also write the report to this file.")
    var out: String?

    @Option(help: "4K images in one trial; other amounts follow from it.")
    var requests = 20

    @Option(help: "Ended jobs in the state whose start is timed; 0 leaves that out.")
    var endedJobs = 100_000

    @Option(help: "A virtual environment with LiteLLM's proxy and google-genai.")
    var python: String?

    @Option(help: "A directory on a disk for state and recorded answers.")
    var work: String?

    func validate() throws {
        guard (1...1_000).contains(rounds), (1...10_000).contains(requests), (0...10_000_000).contains(endedJobs) else {
            throw ValidationError("rounds, requests and ended jobs have to be sensible")
        }
    }

    func run() throws {
        DescriptorLimit.raise()
        let workplace = try Workplace(work: work)
        defer { workplace.remove() }
        let interruption = Interruption(workplace: workplace)
        defer { interruption.cancel() }
        let contenders = try Contenders(workplace: workplace, python: python)
        defer { contenders.stop() }
        let sections = only.isEmpty ? Section.allCases : only
        if !Set(sections).isDisjoint(with: [.warm, .tiny, .memory, .idle]) { try contenders.startProxies() }
        let amount = Amount(large: requests, endedJobs: endedJobs)
        var notes: [String] = []
        #if DEBUG
            notes.append("This was a debug build; its figures mean nothing.")
        #endif
        let trials = sections.flatMap { section in
            Progress.say("preparing: \(section.rawValue)")
            do {
                return try Trials(contenders: contenders, amount: amount).trials(of: section)
            } catch {
                notes.append("The part \(section.rawValue) could not be prepared: \(error)")
                return []
            }
        }
        var rounds = Rounds(trials: trials)
        for round in 1...self.rounds { rounds.run(round, of: self.rounds) }
        let report = Report(
            results: rounds.results, rounds: self.rounds,
            machine: Machine.description(python: python, place: workplace.disk),
            notes: contenders.missing + notes + rounds.notes)
        print(report.markdown)
        if let out { try workplace.write(report.markdown, to: out) }
    }
}

/// Runs the trials in turns and keeps what they give.
struct Rounds {
    let trials: [Trial]
    private(set) var results = Results()
    private var failures: [String] = []
    private var disturbed = 0
    private var observed = 0

    /// The share of the machine that others may take before a trial is done again.
    private static let bystanderShare = 0.08
    private static let repetitions = 2

    init(trials: [Trial]) { self.trials = trials }

    var notes: [String] {
        [
            disturbed == 0
                ? "No trial of the \(observed) long enough to tell was disturbed by other processes."
                : "In \(disturbed) of \(observed) trials other processes took more than "
                    + "\((Self.bystanderShare * 100).short) % of the machine, also when they were done again."
        ] + failures
    }

    /// One round, in the order of the trials or, every other time, the reverse.
    mutating func run(_ round: Int, of total: Int) {
        for trial in round % 2 == 1 ? trials : trials.reversed() {
            Progress.say("round \(round) of \(total): \(trial.name)")
            do {
                results.add(try quietly(trial), round: round)
            } catch {
                failures.append("Round \(round), \(trial.name): \(error)")
                Progress.say("failed: \(error)")
            }
        }
    }

    /// Runs a trial again when others took too much of the machine meanwhile.
    private mutating func quietly(_ trial: Trial) throws -> [Series: Double] {
        for attempt in 0... {
            let bystanders = Bystanders()
            let figures = try trial.run()
            guard let share = bystanders.share() else { return figures }
            if share > Self.bystanderShare, attempt < Self.repetitions { continue }
            observed += 1
            if share > Self.bystanderShare { disturbed += 1 }
            return figures
        }
        return [:]
    }
}

/// What a person at a terminal sees while it goes on.
enum Progress {
    static func say(_ line: String) {
        let bytes = Array("darkroom-bench: \(line)\n".utf8)
        _ = unsafe write(STDERR_FILENO, bytes, bytes.count)
    }
}

/// Ends what was started when the benchmark is told to stop.
struct Interruption {
    private let sources: [any DispatchSourceSignal]

    init(workplace: Workplace) {
        sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                ChildProcess.endAll()
                workplace.remove()
                exit(128 + number)
            }
            source.resume()
            return source
        }
    }

    func cancel() { for source in sources { source.cancel() } }
}
