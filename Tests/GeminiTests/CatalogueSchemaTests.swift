// A catalogue's file with a mistake in it, and what an admin's file may change.

import Testing

@testable import Gemini

struct CatalogueSchemaTests {
    private static let flash = "gemini-3.1-flash-image"

    /// The admin's file, and what is said about it.
    static let faults: [(String, CatalogueError)] = [
        ("{", CatalogueError(reason: "is not JSON")),
        ("[]", CatalogueError(reason: "is a list, not an object")),
        (#"{"model":[]}"#, CatalogueError(member: "model", reason: "is not known")),
        (#"{"asOf":7}"#, CatalogueError(member: "asOf", reason: "is a number, not a text")),
        (
            #"{"models":[{"id":"gemini-3.1-flash-image","maxInput":3}]}"#,
            CatalogueError(entry: flash, member: "maxInput", reason: "is not known")
        ),
        (
            #"{"models":[{"id":"gemini-3.1-flash-image","maxInputs":"3"}]}"#,
            CatalogueError(entry: flash, member: "maxInputs", reason: "is a text, not a whole number")
        ),
        (
            #"{"models":[{"id":"gemini-3.1-flash-image","microUSDPerMillionTokens":{"image":-1}}]}"#,
            CatalogueError(
                entry: flash, member: "microUSDPerMillionTokens.image",
                reason: "is -1; 0 to 1000000000 are allowed")
        ),
        (
            #"{"models":[{"id":"gemini-3.1-flash-image","sizes":[{"name":"4K","pixels":{"16:9":[5504]}}]}]}"#,
            CatalogueError(entry: flash, member: "sizes.4K.pixels.16:9", reason: "is not a width and a height")
        ),
        (
            #"{"models":[{"id":"gemini-3.1-flash-image","sizes":[{"name":"4k"}]}]}"#,
            CatalogueError(entry: flash, member: "sizes.4k.imageTokens", reason: "is missing")
        ),
        (
            #"{"models":[{"id":"gemini-3.1-flash-image","sizes":[{"name":"4K","pixels":{"9:21":[1,2]}}]}]}"#,
            CatalogueError(entry: flash, member: "sizes.4K.pixels", reason: "does not have the same ratios as 512")
        ),
        (
            #"{"models":[{"id":"gemini-3.1-flash-image","routes":["native","grpc"]}]}"#,
            CatalogueError(entry: flash, member: "routes.1", reason: "is \"grpc\"; legal are native, openai, vertex")
        ),
        (
            #"{"models":[{"id":"gemini-3.1-flash-image","defaultSize":"3K"}]}"#,
            CatalogueError(entry: flash, member: "defaultSize", reason: "is 3K, which is none of its sizes")
        ),
        (
            #"{"models":[{"id":"gemini-3.1-flash-image","aliases":["pro"]}]}"#,
            CatalogueError(entry: "gemini-3-pro-image", reason: "shares the name pro with another entry")
        ),
        (
            #"{"models":[{"id":"gemini-5-image","title":"Five"}]}"#,
            CatalogueError(entry: "gemini-5-image", member: "aliases", reason: "is missing")
        ),
        (
            #"{"retired":[{"id":"old","successor":"gemini-5-image"}]}"#,
            CatalogueError(
                entry: "old", member: "successor", reason: "is gemini-5-image, which is not among the models")
        ),
    ]

    @Test(arguments: faults)
    func aMistakeIsToldWithItsPlace(_ text: String, _ error: CatalogueError) {
        #expect(throws: error) { try Catalogue.shipped(overriddenBy: Array(text.utf8)) }
    }

    @Test func theSentenceNamesEntryAndMember() {
        let error = CatalogueError(entry: Self.flash, member: "defaultSize", reason: "is missing")
        #expect(error.description == "gemini-3.1-flash-image: defaultSize is missing")
        #expect(CatalogueError(reason: "is not JSON").description == "the catalogue is not JSON")
    }

    @Test func anAdminsFileChangesWhatItNamesAndNothingElse() throws {
        let shipped = try Catalogue.shipped()
        let merged = try Catalogue.shipped(
            overriddenBy: Array(
                #"{"asOf":"2026-12-01","models":[{"id":"gemini-3-pro-image","aliases":["pro","best"],"microUSDPerMillionTokens":{"image":99},"sizes":[{"name":"4K","imageTokens":2001}]}],"gone":[{"id":"gemini-1-image","reason":"it is old"}]}"#
                    .utf8))
        var expected = shipped
        expected.asOf = "2026-12-01"
        expected.models[1].aliases = ["pro", "best"]
        expected.models[1].price.image = 99
        expected.models[1].sizes[2].imageTokens = 2_001
        expected.gone.append(GoneModel(id: "gemini-1-image", since: nil, reason: "it is old"))
        #expect(merged.models == expected.models && merged.gone == expected.gone)
        #expect(merged.asOf == "2026-12-01" && merged.retired == shipped.retired)
    }

    @Test func anEmptyListTakesAwayWhatAModelCouldDoAndNoModel() throws {
        let merged = try Catalogue.shipped(
            overriddenBy: Array(
                #"{"models":[{"id":"gemini-3.1-flash-image","grounding":[],"aliases":[]}],"retired":[]}"#.utf8))
        #expect(merged.models.first?.grounding == [] && merged.models.first?.aliases == [])
        #expect(try merged.models.count == 5 && merged.retired == Catalogue.shipped().retired)
    }

    @Test func aModelThatIsNewComesAtTheEnd() throws {
        let row =
            #"{"id":"gemini-5-image","title":"Five","aliases":["five"],"routes":["native"],"sendsImageSize":true,"defaultSize":"1K","defaultRatio":"1:1","sizes":[{"name":"1K","imageTokens":9,"usuallySeconds":[1,2],"pixels":{"1:1":[1024,1024]}}],"microUSDPerMillionTokens":{"input":1,"text":2,"image":3},"textTokenCap":5,"maxInputs":1,"inputImageTokens":7,"thinking":[],"grounding":[]}"#
        let merged = try Catalogue.shipped(overriddenBy: Array(#"{"models":[\#(row)]}"#.utf8))
        #expect(merged.models.last?.id == "gemini-5-image" && merged.models.count == 6)
        #expect(try Catalogue.shipped(overriddenBy: Array("{}".utf8)).models == Catalogue.shipped().models)
    }
}
