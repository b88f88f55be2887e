// A client of our own: the sign of life that systemd's watchdog gets went through accept, funnel, engine and back.

import Dispatch
import LineSocket
import Wire

/// Asks the daemon for its status through its socket.
struct Probe: Sendable {
    let path: String
    /// Its own queue, since the channel blocks; and one at a time.
    private let queue = DispatchQueue(label: "darkroom.probe")

    /// Longer than any legal pause, shorter than the watchdog's interval of 15 s.
    private static let patience: Duration = .seconds(10)

    init(path: String) { self.path = path }

    /// Whether the daemon answers in time.
    func isAnswered() async -> Bool {
        await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: ask()) }
        }
    }

    private func ask() -> Bool {
        let deadline = ContinuousClock.now + Self.patience
        let question = Question.line(GetStatus.self, id: .integer(1), params: NoParams())
        guard let channel = try? LineChannel(connectingTo: path, timeout: Self.patience),
            (try? channel.send(question, until: deadline)) != nil,
            let line = try? channel.receive(until: deadline),
            case .success = try? WireJSON.decode(Incoming<GetStatus.Result>.self, from: line.bytes)
        else { return false }
        return true
    }
}
