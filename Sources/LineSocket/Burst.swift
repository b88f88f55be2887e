// The handlers of one connection from its first unanswered line to its last answer. An idle connection has none.

struct Burst: Sendable {
    enum Errand: Sendable {
        case handle(Line)
        /// The connection is gone: handlers that still run are cancelled.
        case gone
    }

    let connection: LineConnection
    let errands: AsyncStream<Errand>

    /// Begins lines in the order of their arrival and handles them side by side.
    func serve<Begun: Sendable>(
        begin: @escaping @Sendable (Line, LineConnection) -> Begun,
        _ handle: @escaping @Sendable (Begun, LineConnection) async -> Void
    ) async {
        await withDiscardingTaskGroup { group in
            for await errand in errands {
                switch errand {
                case .handle(let line):
                    // The line goes here, and with it the descriptors that `begin` did not keep.
                    let byteCount = line.bytes.count
                    let begun = begin(line, connection)
                    group.addTask {
                        await handle(begun, connection)
                        connection.finishHandling(byteCount)
                    }
                case .gone:
                    group.cancelAll()
                }
            }
        }
    }
}
