// `darkroom audit`: whether the record is whole, and its end to be noted somewhere else.

import ArgumentParser
import Client
import Wire

struct AuditCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "Check the audit chain, on the admin socket.",
        subcommands: [VerifyCommand.self, HeadCommand.self])
}

struct VerifyCommand: DarkroomCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Check every row of the audit chain against the one before it.",
        discussion: "It ends with 0 when the chain is whole, 1 when it is broken and 2 when it could not be read.")

    @OptionGroup var root: Darkroom
    @OptionGroup var admin: AdminOptions

    @Option(
        help: ArgumentHelp(
            "A row that has to be there, as audit head printed it once: a record whose end was cut off is whole.",
            valueName: "number:hash"))
    var anchor: String?

    func run() throws {
        let received: Received<VerifyAudit.Result>
        do {
            received = try admin.connect(root).call(
                VerifyAudit.self, VerifyAudit.Params(anchor: anchor), within: .seconds(3600))
        } catch let error as WireError {
            throw CommandError(.unverified, error.message, hint: error.hint)
        } catch let error as ClientError {
            throw CommandError(.unverified, error.message, hint: error.hint)
        }
        let result = received.result
        if root.shared.json {
            Conversation.answer(json: try JSONAnswer.plain(received.line))
        } else if result.ok {
            Conversation.answer("whole, \(result.rows) rows")
        } else if result.firstBroken == nil {
            Conversation.answer("whole, \(result.rows) rows, and another: the anchor's row is missing or differs")
        } else {
            Conversation.answer("broken" + (result.firstBroken.map { " at row \($0)" } ?? "") + ", \(result.rows) rows")
        }
        if !result.ok { throw SilentFailure(status: .other) }
    }
}

struct HeadCommand: DarkroomCommand {
    static let configuration = CommandConfiguration(
        commandName: "head", abstract: "Print the number and the hash of the newest row, to be noted elsewhere.")

    @OptionGroup var root: Darkroom
    @OptionGroup var admin: AdminOptions

    func run() throws {
        let received = try admin.connect(root).call(ReadAuditHead.self, NoParams())
        if root.shared.json { return Conversation.answer(json: try JSONAnswer.plain(received.line)) }
        Conversation.answer("\(received.result.sequence) \(received.result.hash)")
    }
}
