// The client of the HTTP proxies: one connection kept open, blocking reads, the image decoded as it comes.

import Glibc

/// Fetches one image and checks it; one connection, one thread.
protocol ImageClient: AnyObject {
    func fetch() throws
}

final class ProxyClient: ImageClient {
    private let descriptor: Int32
    private let request: [UInt8]
    private var decoder: ImageDecoder
    // As large as the decoder's part of the processor's second-level cache allows; larger ones were no faster.
    private var buffer = [UInt8](repeating: 0, count: 256 * 1024)

    /// Takes the connection over.
    init(descriptor: Int32, request: [UInt8], expectedBytes: Int) {
        self.descriptor = descriptor
        self.request = request
        decoder = ImageDecoder(expectedBytes: expectedBytes)
    }

    deinit { close(descriptor) }

    func fetch() throws {
        guard unsafe send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
            throw BenchError.system("send")
        }
        decoder.reset()
        var reader = AnswerReader()
        while !reader.isFinished {
            let count = unsafe read(descriptor, &buffer, buffer.count)
            guard count > 0 else {
                throw count == 0 ? BenchError("the connection ended within an answer") : BenchError.system("read")
            }
            try unsafe buffer.withUnsafeBytes { bytes in
                try unsafe reader.take(UnsafeRawBufferPointer(rebasing: bytes[..<count])) {
                    try unsafe decoder.take($0)
                }
            }
        }
        try decoder.check()
    }
}
