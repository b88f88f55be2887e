// When the simulator is to end: a signal, or the end of standard input for those who start it from a program.

import Dispatch
import Glibc

/// The reasons to end; made before anything is announced, so that no signal is lost, and held until the end.
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
            // A blocking read rather than a source: cancelling one whose pipe has hung up crashes libdispatch's
            // manager thread (Swift 6.3 on Linux), and the process ends with this read.
            DispatchQueue.global().async {
                var scratch = [UInt8](repeating: 0, count: 4096)
                while unsafe read(STDIN_FILENO, &scratch, scratch.count) > 0 {}
                continuation.yield()
            }
        }
        self.ended = ended
        self.sources = sources
    }
}
