// `darkroom doctor`: why images cannot be had, looked for from this side of the socket to Google's.

import ArgumentParser
import Client
import Glibc
import Wire

struct DoctorCommand: DarkroomCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Look for what keeps images from being made, and say what to do next.",
        discussion: """
            It looks at the socket, at whether you may use it and at versions, and then has the daemon look at its \
            configuration, credentials, network, models and quota. It ends with 0 when nothing is wrong, warnings \
            included, and with \(ExitStatus.fault.number) when something is.
            """)

    @OptionGroup var root: Darkroom

    @Flag(help: "Have the daemon make one smallest image too, which costs money.")
    var spend = false

    func run() throws {
        var checkup = Checkup(path: root.shared.path)
        let report = checkup.run(spend: spend)
        if root.shared.json {
            Conversation.answer(json: WireJSON.encode(report))
        } else {
            Self.tell(report)
        }
        if report.verdict == .fault { throw SilentFailure(status: .fault) }
    }

    private static func tell(_ report: Diagnose.Result) {
        let hasProjects = report.steps.contains { $0.project != nil }
        var table = hasProjects ? Table("STEP", "PROJECT", "VERDICT", "FOUND") : Table("STEP", "VERDICT", "FOUND")
        for step in report.steps {
            let words = step.verdict.rawValue
            if hasProjects {
                table.add(step.step.rawValue, step.project ?? "", words, step.found)
            } else {
                table.add(step.step.rawValue, words, step.found)
            }
        }
        table.print()
        // One thing to do: what comes first explains what comes after it.
        guard
            let worst = report.steps.first(where: { $0.verdict == .fault })
                ?? report.steps.first(where: { $0.verdict == .warning })
        else { return }
        Conversation.answer("")
        if let meaning = worst.meaning { Conversation.answer(Conversation.plain(meaning)) }
        if let next = worst.next { Conversation.answer("next: \(Conversation.plain(next))") }
    }
}
