// Ctrl-C while a job is waited for: the job goes on, and the words say how to come back to it.

import Client
import Glibc
import Synchronization
import Wire

/// The user stopped waiting.
struct Interruption: Error {
    /// SIGINT or SIGTERM.
    let signal: Int32
    /// None before the job's first event.
    let job: JobID?
    /// The option to repeat when fetching: `-o cat.png`.
    let output: String?

    /// What a shell takes for "ended by this signal".
    var status: Int32 { 128 + signal }

    func tell() {
        guard let job else {
            Conversation.say("interrupted before the job had a name; darkroom jobs shows whether it was admitted")
            return
        }
        Conversation.say("interrupted; job \(job) goes on")
        Conversation.say("hint: darkroom wait \(job)" + (output.map { " -o \(quoted($0))" } ?? ""))
    }

    /// How often a wait looks whether it was interrupted: soon enough for a finger, rare enough to cost nothing.
    static let interval: Duration = .milliseconds(100)

    /// The first signal is noted, the second kills.
    static func watch() {
        var signals = sigset_t()
        unsafe sigemptyset(&signals)
        for signal in [SIGINT, SIGTERM] {
            unsafe sigaddset(&signals, signal)
            Glibc.signal(signal) { number in
                caught.store(number, ordering: .relaxed)
                Glibc.signal(number, SIG_DFL)
            }
        }
        // Dispatch's threads block all signals, and a program that one of them starts inherits that.
        unsafe pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }

    /// The signal that came, if one did.
    static var pending: Int32? {
        let signal = caught.load(ordering: .relaxed)
        return signal == 0 ? nil : signal
    }
}

/// The signal that came, or 0: a handler may touch nothing but a lock-free atomic (signal-safety(7)).
private let caught = Atomic<Int32>(0)
