// How the command ends when it did not do what was asked: every error crosses here, once, into words and a status.

import ArgumentParser
import Client
import Glibc
import Wire

/// An error of the command itself.
struct CommandError: Error, Equatable {
    let status: ExitStatus
    let message: String
    let hint: String?

    init(_ status: ExitStatus, _ message: String, hint: String? = nil) {
        self.status = status
        self.message = message
        self.hint = hint
    }

    /// A file of the user's could not be read.
    static func cannotRead(_ path: String, _ number: Int32) -> CommandError {
        CommandError(.notFound, "cannot read \(path): \(words(number))")
    }

    /// A file could not be written.
    static func cannotWrite(_ path: String, _ number: Int32, hint: String? = nil) -> CommandError {
        CommandError(.output, "cannot write \(path): \(words(number))", hint: hint)
    }

    private static func words(_ number: Int32) -> String {
        unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)"
    }
}

/// Everything was said already; only the status is left.
struct SilentFailure: Error {
    let status: ExitStatus
}

enum Ending {
    private struct JSONFailure: Encodable { let error: WireError }

    /// Says what went wrong and what to do.
    ///
    /// - Parameters:
    ///   - error: What `run` threw.
    ///   - isJSON: Whether a script reads standard output: it gets the daemon's error there, for its kind.
    /// - Returns: The exit status.
    static func tell(_ error: any Error, isJSON: Bool) -> Int32 {
        switch error {
        case let error as WireError:
            if isJSON { Conversation.answer(json: WireJSON.encode(JSONFailure(error: error))) }
            return tell(error)
        case let error as ClientError:
            Conversation.fail(error.message, hint: error.hint)
            return ExitStatus.of(error).number
        case let error as CommandError:
            Conversation.fail(error.message, hint: error.hint)
            return error.status.number
        case let error as Interruption:
            error.tell()
            return error.status
        case let error as SilentFailure: return error.status.number
        default: return tellParser(error)
        }
    }

    private static func tell(_ error: WireError) -> Int32 {
        let place = error.file.map { file in error.line.map { "\(file):\($0): " } ?? "\(file): " }
        Conversation.fail(
            (place ?? "") + error.message,
            hint: error.hint
                ?? (error.charged == .no ? nil : error.job.map { "darkroom show \($0) tells what became of it" }))
        switch error.charged {
        case .yes?: Conversation.warn("this was charged")
        case .unknown?: Conversation.warn("this may have been charged")
        case .no?, nil: break
        }
        return ExitStatus.of(error).number
    }

    /// Help and version are answers, wrong use is an error: ArgumentParser throws both.
    private static func tellParser(_ error: any Error) -> Int32 {
        let message = Darkroom.fullMessage(for: error)
        guard Darkroom.exitCode(for: error) != .success else {
            Conversation.answer(message)
            return ExitStatus.success.number
        }
        var command: any ParsableCommand.Type = Darkroom.self
        var words = ["darkroom"]
        for argument in CommandLine.arguments.dropFirst() {
            guard
                let part = command.configuration.subcommands.first(where: { $0.configuration.commandName == argument })
            else { continue }
            command = part
            words.append(argument)
        }
        Conversation.fail(Darkroom.message(for: error), hint: "\(words.joined(separator: " ")) --help")
        return ExitStatus.usage.number
    }
}
