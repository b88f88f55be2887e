// What a listing and a refusal say together, hour by hour; and which route honours what.

import Testing

@testable import Gemini

struct AvailabilityTests {
    private let listing = [ListedModel(id: "a"), ListedModel(id: "b", methods: ["generateContent"])]

    @Test func beforeAnyListingNothingIsKnown() {
        let availability = Availability()
        #expect(availability.state(of: "a", at: .zero) == .unknown)
    }

    @Test func aListingTellsWhatIsAndWhatIsNot() {
        var availability = Availability()
        availability.heard(listing)
        #expect(availability.state(of: "a", at: .seconds(6)) == .listed)
        #expect(availability.state(of: "c", at: .seconds(6)) == .notListed)
    }

    @Test func aRefusalIsBelievedForAnHourWhateverIsListed() {
        var availability = Availability()
        availability.heard(listing)
        availability.refused("a", at: .seconds(100))
        availability.refused("c", at: .seconds(100))
        #expect(availability.state(of: "a", at: .seconds(3_699)) == .listedButRefused)
        #expect(availability.state(of: "c", at: .seconds(3_699)) == .refused)
        #expect(availability.refusedFor("a", at: .seconds(3_600)) == .seconds(100))
        availability.heard(listing)
        #expect(availability.state(of: "a", at: .seconds(200)) == .listedButRefused)
        #expect(availability.state(of: "a", at: .seconds(3_700)) == .listed)
        #expect(availability.refusedFor("a", at: .seconds(3_700)) == nil)
    }

    @Test func anAnswerEndsARefusal() {
        var availability = Availability()
        availability.refused("a", at: .zero)
        availability.answered("a")
        #expect(availability.state(of: "a", at: .zero) == .unknown)
    }
}

struct RouteSupportTests {
    @Test(
        arguments: [
            ("prompt", [.native, .openai, .vertex]), ("count", [.native, .openai, .vertex]),
            ("aspectRatio", [.native, .vertex]), ("imageSize", [.native, .vertex]), ("inputs", [.native, .vertex]),
            ("continues", [.native, .vertex]), ("native", [.native, .vertex]), ("seed", [.native, .vertex]),
            ("personGeneration", [.vertex]), ("outputType", [.vertex]), ("label", [.native, .openai, .vertex]),
        ] as [(String, [RouteKind])])
    func aParameterActsOnTheseRoutes(_ parameter: String, _ routes: [RouteKind]) {
        #expect(RouteSupport.routes(honouring: parameter) == routes)
    }
}
