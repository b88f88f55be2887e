// When the simulator is to end: a signal, or the end of standard input for those who start it from a program.

import Dispatch
import Glibc

/// The reasons to end; made before anything is announced, so that no signal is lost.
final class Ending {
    /// Yields when it is time.
    let ended: AsyncStream<Void>
    private let sources: [any DispatchSourceProtocol]

    init(withInput: Bool) {
        let (ended, continuation) = AsyncStream.makeStream(of: Void.self)
        var sources: [any DispatchSourceProtocol] = []
        for number in [SIGTERM, SIGINT] {
            // The default action would end the process before the source sees the signal.
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { continuation.yield() }
            source.resume()
            sources.append(source)
        }
        if withInput {
            let source = DispatchSource.makeReadSource(fileDescriptor: STDIN_FILENO, queue: .global())
            source.setEventHandler {
                var scratch = [UInt8](repeating: 0, count: 4096)
                if unsafe read(STDIN_FILENO, &scratch, scratch.count) <= 0 { continuation.yield() }
            }
            source.resume()
            sources.append(source)
        }
        self.ended = ended
        self.sources = sources
    }

    /// Stops watching; until then the sources have to be held.
    func cancel() {
        for source in sources { source.cancel() }
    }
}
