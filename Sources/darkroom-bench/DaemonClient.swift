// The client of the daemon: one connection kept open, one request after the other, the image by descriptor or inline.

import Glibc
import LineSocket
import Wire

final class DaemonClient: ImageClient {
    private let channel: LineChannel
    private let way: Way
    private let size: ImageSize
    private let expectedBytes: Int
    private var decoder: ImageDecoder
    private var lastID: Int64 = 0

    init(socket: String, way: Way, size: ImageSize, expectedBytes: Int) throws {
        channel = try LineChannel(connectingTo: socket, timeout: .seconds(10))
        self.way = way
        self.size = size
        self.expectedBytes = expectedBytes
        decoder = ImageDecoder(expectedBytes: way == .inline ? expectedBytes : 0)
    }

    func fetch() throws {
        var params = GenerateImage.Params(prompt: "a red fox")
        params.model = size.model
        params.delivery = way == .fd ? .fd : .inline
        lastID += 1
        try channel.send(Question.line(GenerateImage.self, id: .integer(lastID), params: params))
        while let line = try channel.receive(until: .now + .seconds(300)) {
            if line.bytes.starts(with: Self.notification) { continue }
            return way == .fd ? try checkDescriptor(line) : try checkInline(line)
        }
        throw BenchError("the daemon closed the connection")
    }

    /// Says hello and nothing else: a connection that is served, and idle.
    func greet() throws {
        lastID += 1
        try channel.send(Question.line(Hello.self, id: .integer(lastID), params: Hello.Params()))
        guard try channel.receive(until: .now + .seconds(60)) != nil else {
            throw BenchError("the daemon closed the connection")
        }
    }

    /// How the daemon's lines begin that are no answer: its keys are sorted.
    private static let notification = Array(#"{"jsonrpc":"2.0","method":"#.utf8)

    private func checkDescriptor(_ line: Line) throws {
        switch try WireJSON.decode(Incoming<JobResult>.self, from: line.bytes) {
        case .failure(_, let error): throw error
        case .event, .other: throw BenchError("a notification that does not look like one")
        case .success(_, let result):
            guard let image = result.images.first, let index = image.fd, line.descriptors.indices.contains(index) else {
                throw BenchError("an answer without its descriptor")
            }
            let descriptor = line.descriptors[index].rawValue
            var status = stat()
            var start = [UInt8](repeating: 0, count: pngSignature.count)
            guard unsafe fstat(descriptor, &status) == 0, status.st_size == expectedBytes,
                unsafe pread(descriptor, &start, start.count, 0) == start.count, start == pngSignature
            else { throw BenchError("the descriptor is not the image: \(status.st_size) of \(expectedBytes) bytes") }
        }
    }

    /// Decodes the image where it stands: a tree of a line of 28 MB would be measured instead of the daemon.
    private func checkInline(_ line: Line) throws {
        decoder.reset()
        try unsafe line.bytes.withUnsafeBytes { bytes in
            var rest = unsafe bytes[...]
            while unsafe !rest.isEmpty {
                try unsafe decoder.take(UnsafeRawBufferPointer(rebasing: rest.prefix(256 * 1024)))
                unsafe rest = rest.dropFirst(256 * 1024)
            }
        }
        try decoder.check()
    }
}
