import LineSocket
import Testing

struct LineFramerTests {
    /// Feeds chunks to a framer; the lines of each, as text.
    private func lines(_ chunks: [String], maxLineBytes: Int = .max) -> [[String]] {
        var framer = LineFramer(maxLineBytes: maxLineBytes)
        return chunks.map { framer.receive($0).map(\.text) }
    }

    @Test func aLineSplitAnywhereIsOneLine() {
        #expect(lines(["a", "b", "c\n"]) == [[], [], ["abc"]])
        #expect(lines(["abc", "\n"]) == [[], ["abc"]])
    }

    @Test func twoLinesInOneReadAreTwo() {
        #expect(lines(["one\ntwo\nthr", "ee\n"]) == [["one", "two"], ["three"]])
    }

    @Test func oneCarriageReturnBeforeTheEndIsNotPartOfTheLine() {
        #expect(lines(["a\r\nb\r", "\n", "c\rd\n", "e\r\r\n"]) == [["a"], ["b"], ["c\rd"], ["e\r"]])
    }

    @Test func emptyLinesAreNoLines() {
        #expect(lines(["\n\n\r\n", "a\n\n", "\r", "\n"]) == [[], ["a"], [], []])
    }

    @Test(arguments: ["\n", "\r\n"])
    func aLineOfExactlyTheLimitIsGood(end: String) {
        var framer = LineFramer(maxLineBytes: 4)
        #expect(framer.receive("abcd" + end).map(\.text) == ["abcd"])
        #expect(framer.receive("ab").isEmpty)
        #expect(framer.receive("cd").isEmpty)
        #expect(framer.receive(end).map(\.text) == ["abcd"])
        #expect(!framer.isTooLong)
    }

    @Test(arguments: [["abcde\n"], ["abcde"], ["abcd", "e"], ["abcde\r\n"], ["abcd\r", "x"], ["abcd\r\r"]])
    func oneByteMoreIsTooLongWhetherOrNotTheEndHasCome(chunks: [String]) {
        var framer = LineFramer(maxLineBytes: 4)
        for chunk in chunks { #expect(framer.receive(chunk).isEmpty) }
        #expect(framer.isTooLong)
        #expect(framer.receive("ok\n").isEmpty)
    }

    @Test func linesBeforeOneThatIsTooLongAreGiven() {
        var framer = LineFramer(maxLineBytes: 4)
        #expect(framer.receive("a\nb\nabcde\nc\n").map(\.text) == ["a", "b"])
        #expect(framer.isTooLong)
    }

    @Test func aMegabyteInSingleBytesIsOneLine() {
        var framer = LineFramer(maxLineBytes: 1_048_576)
        let byte: [UInt8] = [120]
        for _ in 0..<1_048_576 { _ = unsafe framer.receive(byte.span.bytes) }
        #expect(framer.receive("\n").map(\.bytes) == [[UInt8](repeating: 120, count: 1_048_576)])
    }

    @Test func descriptorsGoToTheLastLineBegunInTheirBytes() throws {
        #expect(try owners(["a\nb\n"]) == ["a": 0, "b": 1])
        #expect(try owners(["a\nb", "c\n"]) == ["a": 0, "bc": 3])
        #expect(try owners(["a", "b\n"]) == ["ab": 3])
        #expect(try owners(["a", "b\nc\n"]) == ["ab": 1, "c": 2])
        #expect(try owners(["a\n\n"]) == ["a": 1])
    }

    /// Chunk n, from 1, comes with n descriptors; how many each line got.
    private func owners(_ chunks: [String]) throws -> [String: Int] {
        var framer = LineFramer()
        var counts: [String: Int] = [:]
        for (index, chunk) in chunks.enumerated() {
            let descriptors = try (0...index).map { _ in try makeFile("") }
            for line in framer.receive(chunk, descriptors) { counts[line.text] = line.descriptors.count }
        }
        return counts
    }

    @Test func aTrickledLineGathersNoMoreDescriptorsThanOneMessageHolds() throws {
        var framer = LineFramer()
        let file = try makeFile("")
        for _ in 0..<2 { _ = framer.receive("a", [OwnedDescriptor](repeating: file, count: 200)) }
        #expect(framer.receive("\n").map(\.descriptors.count) == [253])
    }
}

extension LineFramer {
    fileprivate mutating func receive(_ text: String, _ descriptors: [OwnedDescriptor] = []) -> [Line] {
        let bytes = Array(text.utf8)
        return unsafe receive(bytes.span.bytes, descriptors: descriptors)
    }
}
