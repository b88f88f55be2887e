// `darkroom usage`: what was made and what it cost.

import ArgumentParser
import Client
import Wire

struct UsageCommand: DarkroomCommand {
    static let configuration = CommandConfiguration(
        commandName: "usage", abstract: "Show what was made and what it cost.",
        discussion: "Your own usage; everybody's on the admin socket: --socket \(SocketPath.adminStandard).")

    @OptionGroup var root: Darkroom

    @Option(help: "A row for each: user, model, project or day.", transform: { try Token.read($0) })
    var by: ReportUsage.Grouping?

    @Option(
        help: ArgumentHelp("From when on: 2026-11-22 (UTC), 2026-11-22T08:00:00Z, 36h or 7d ago.", valueName: "time"),
        transform: { try Token.time($0) })
    var since: Timestamp?

    @Option(
        help: ArgumentHelp("Until when, not included; in the same forms.", valueName: "time"),
        transform: { try Token.time($0) })
    var until: Timestamp?

    func run() throws {
        let received = try root.shared.connect().call(
            ReportUsage.self, ReportUsage.Params(since: since, until: until, by: by))
        if root.shared.json { return Conversation.answer(json: try JSONAnswer.plain(received.line)) }
        let report = received.result
        var table = Table(by?.rawValue.uppercased() ?? "", "JOBS", "IMAGES", "USD")
        for row in report.rows {
            let name =
                switch by {
                case .user?: row.user
                case .model?: row.model
                case .project?: row.project
                case .day?: row.day
                case nil: "all"
                }
            table.add(name ?? "-", "\(row.jobs)", "\(row.images)", Quantity.dollars(row.usd))
        }
        if report.rows.count != 1 {
            table.add(
                "total", "\(report.rows.reduce(0) { $0 + $1.jobs })", "\(report.rows.reduce(0) { $0 + $1.images })",
                Quantity.dollars(report.totalUSD))
        }
        table.print()
    }
}
