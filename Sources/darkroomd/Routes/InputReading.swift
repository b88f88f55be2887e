// From the `inputs` of a request to sources that the store can copy: descriptors of the line, base64, artifacts.

import Foundation
import Glibc
import LineSocket
import Store
import Wire

/// Reads the inputs of a request.
enum InputReading {
    /// The sources in the order of the request.
    ///
    /// - Parameters:
    ///   - inputs: As the request has them.
    ///   - descriptors: What came with its line; those that no input names are closed when this returns.
    /// - Returns: What the store can copy.
    /// - Throws: `invalid_params` with the path of the input at fault.
    static func sources(
        of inputs: [ImageInput], _ descriptors: [OwnedDescriptor]
    ) throws(WireError) -> [InputSource] {
        var sources: [InputSource] = []
        for (position, input) in inputs.enumerated() {
            switch input {
            case .descriptor(let index):
                sources.append(try file(index, descriptors, path: "inputs.\(position).fd"))
            case .data(let text):
                guard let data = Data(base64Encoded: text) else {
                    throw WireError(
                        .invalidParams, "inputs.\(position).data is no base64", path: "inputs.\(position).data")
                }
                sources.append(.bytes(Array(data)))
            case .artifact(let sha256): sources.append(.artifact(sha256))
            }
        }
        return sources
    }

    private static func file(
        _ index: Int, _ descriptors: [OwnedDescriptor], path: String
    ) throws(WireError) -> InputSource {
        guard descriptors.indices.contains(index) else {
            throw WireError(
                .invalidParams, "\(path) is \(index), and \(descriptors.count) descriptors came with the line",
                path: path)
        }
        let descriptor = descriptors[index]
        var status = stat()
        var byte: UInt8 = 0
        // Tried, since a descriptor may be open for writing or for its path alone.
        guard unsafe fstat(descriptor.rawValue, &status) == 0, status.st_mode & S_IFMT == S_IFREG,
            unsafe pread(descriptor.rawValue, &byte, 1, 0) >= 0
        else {
            throw WireError(
                .invalidParams, "\(path) names something else than a regular file that can be read",
                hint: "open the image for reading, or copy it into a memfd", path: path)
        }
        return .file(descriptor)
    }
}

extension OwnedDescriptor: InputFile {
    package var descriptor: Int32 { rawValue }
}
