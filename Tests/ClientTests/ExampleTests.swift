import Client
import Foundation
import LineSocket
import Testing
import TestKit
import Wire

// The example of DarkroomConnection, word for word.

func draw(_ prompt: String, into descriptor: Int32, socket: String? = nil) throws {
    let connection = try DarkroomConnection(SocketPath.resolve(socket))
    var request = GenerateImage.Params(prompt: prompt)
    request.delivery = .fd
    let done = try connection.generate(request) { event in
        print(event.job, event.state)
    }
    for image in done.result.images {
        guard let index = image.fd else { continue }
        try done.files[index].copy(to: descriptor, count: image.bytes)
    }
}

struct ExampleTests {
    @Test func theExampleDraws() throws {
        let directory = try TemporaryDirectory()
        let daemon = try ScriptedDaemon(directory.file("s")) { connection, _ in
            try connection.answer(
                try connection.receive(), Sample.result(images: [Sample.image("MEOW", fd: 0)]), files: ["MEOW"])
            try connection.waitForEnd()
        }
        let path = try directory.write("cat", "")
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try draw("a cat", into: file.fileDescriptor, socket: daemon.path)
        daemon.stop()
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "MEOW")
    }

    @Test func theExampleStandsInTheDocumentation() throws {
        let tests = URL(fileURLWithPath: #filePath)
        let source = tests.deletingLastPathComponent().appendingPathComponent(
            "../../Sources/Client/DarkroomConnection.swift")
        let documented = try String(contentsOf: source, encoding: .utf8).split(separator: "\n")
            .filter { $0.hasPrefix("/// ") }.map { $0.dropFirst(4) }.joined(separator: "\n")
        let compiled = try String(contentsOf: tests, encoding: .utf8)
        let start = try #require(compiled.range(of: "func draw"))
        let end = try #require(compiled.range(of: "\n}\n", range: start.lowerBound..<compiled.endIndex))
        #expect(documented.contains(compiled[start.lowerBound..<end.upperBound].dropLast()))
    }
}
