import Testing

@testable import darkroom

struct QuantityTests {
    @Test(arguments: [
        (0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (812_345, "812.3 kB"), (999_949, "999.9 kB"), (999_950, "1.0 MB"),
        (20_000_000, "20.0 MB"), (Int64.max, "9223.4 PB"),
    ])
    func bytesHaveOnePlace(count: Int64, words: String) {
        #expect(Quantity.bytes(count) == words)
    }

    @Test(arguments: [
        (0.4, "0 s"), (59.4, "59 s"), (60, "1 min"), (125, "2 min 5 s"), (3600, "1 h"), (3790, "1 h 3 min"),
    ])
    func timeIsInWholeSeconds(seconds: Double, words: String) {
        #expect(Quantity.time(seconds) == words)
    }

    @Test(arguments: [(0.0, "$0.0000"), (0.0672, "$0.0672"), (12.34567, "$12.3457")])
    func dollarsHaveFourPlaces(amount: Double, words: String) {
        #expect(Quantity.dollars(amount) == words)
    }
}
