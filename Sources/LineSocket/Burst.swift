// The handlers of one connection from its first unanswered line to its last answer. An idle connection has none.

struct Burst: Sendable {
    enum Errand: Sendable {
        case handle(Line)
        /// The connection is gone: handlers that still run are cancelled.
        case gone
    }

    let connection: LineConnection
    let errands: AsyncStream<Errand>

    func serve(_ handle: @escaping @Sendable (Line, LineConnection) async -> Void) async {
        await withDiscardingTaskGroup { group in
            for await errand in errands {
                switch errand {
                case .handle(let line):
                    group.addTask {
                        await handle(line, connection)
                        await connection.finishHandling()
                    }
                case .gone:
                    group.cancelAll()
                }
            }
        }
    }
}
