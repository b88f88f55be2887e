// The most that one answer carries as base64; what is larger is asked for by descriptor.

import Glibc
import LineSocket
import Testing
import Wire

@testable import darkroomd

struct InlineBoundTests {
    private func refusal(ofImagesOf bytes: Int...) -> WireError? {
        let items = bytes.map { count in
            let entry = ImageEntry(
                sha256: String(repeating: "a", count: 64), mimeType: "image/png", width: 1, height: 1, bytes: count)
            return darkroomd.Delivery.Item(
                entry: entry, file: OwnedDescriptor(taking: unsafe open("/dev/null", O_RDONLY)))
        }
        do throws(WireError) {
            _ = try darkroomd.Delivery.line(.integer(1), .inline, items) { entries in
                var result = JobResult(
                    job: JobID(rawValue: "j"), state: .done, route: "native", project: "p", label: nil,
                    model: JobModel(asked: "flash", sent: "m", answered: nil),
                    requested: Requested(aspectRatio: nil, imageSize: nil))
                result.images = entries
                return result
            }
            return nil
        } catch {
            return error
        }
    }

    @Test func anAnswerOfMoreThan64MebibytesOfBase64IsToldHowItCanBeHad() {
        #expect(refusal(ofImagesOf: 25_165_824, 25_165_824) == nil)
        let error = refusal(ofImagesOf: 25_165_824, 25_165_825)
        #expect(error?.kind == .tooLarge && error?.hint?.contains("delivery fd") == true)
    }
}
