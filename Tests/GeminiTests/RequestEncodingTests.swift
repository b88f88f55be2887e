// What goes out, to the byte: each control in its place, exactly when it was given.

import Foundation
import NIOCore
import Testing

@testable import Gemini

struct RequestEncodingTests {
    @Test func aPromptAloneSaysNothingElse() throws {
        #expect(
            try text(asking())
                == #"{"contents":[{"parts":[{"text":"p"}],"role":"user"}],"generationConfig":{"responseModalities":["TEXT","IMAGE"]}}"#
        )
    }

    @Test(
        arguments: [
            Control(#""imageConfig":{"aspectRatio":"21:9"},"#, "") { $0.aspectRatio = "21:9" },
            Control(#""imageConfig":{"imageSize":"512"},"#, "") { $0.imageSize = "512" },
            Control("", #","seed":-7"#) { $0.seed = -7 },
            Control("", #","temperature":0.7"#) { $0.temperature = 0.7 },
            Control("", #","temperature":0.0"#) { $0.temperature = 0 },
            Control("", #","thinkingConfig":{"thinkingLevel":"HIGH"}"#) { $0.thinking = "high" },
            Control("", #","thinkingConfig":{"includeThoughts":true}"#) { $0.includesThoughts = true },
        ] as [Control])
    func aControlStandsInGenerationConfig(_ control: Control) throws {
        var request = asking()
        control.set(&request)
        let expected =
            #"{"contents":[{"parts":[{"text":"p"}],"role":"user"}],"generationConfig":{\#(control.before)"responseModalities":["TEXT","IMAGE"]\#(control.after)}}"#
        for route in [RouteKind.native, .vertex] { #expect(try text(request, route) == expected) }
    }

    @Test(
        arguments: [
            Control(
                "",
                #","safetySettings":[{"category":"HARM_CATEGORY_HARASSMENT","threshold":"BLOCK_NONE"},{"category":"HARM_CATEGORY_HATE_SPEECH","threshold":"OFF"}]"#
            ) { $0.safety = ["HARM_CATEGORY_HATE_SPEECH": "OFF", "HARM_CATEGORY_HARASSMENT": "BLOCK_NONE"] },
            Control("", #","systemInstruction":{"parts":[{"text":"Be \"brief\"\n\u0001\u001fé"}]}"#) {
                $0.systemInstruction = "Be \"brief\"\n\u{1}\u{1f}é"
            },
            Control("", #","tools":[{"googleSearch":{}}]"#) { $0.grounding = [.web] },
            Control("", #","tools":[{"googleSearch":{"searchTypes":{"imageSearch":{}}}}]"#) { $0.grounding = [.image] },
            Control("", #","tools":[{"googleSearch":{"searchTypes":{"imageSearch":{},"webSearch":{}}}}]"#) {
                $0.grounding = [.image, .web]
            },
        ] as [Control])
    func aControlStandsBesideGenerationConfig(_ control: Control) throws {
        var request = asking()
        control.set(&request)
        let plain = try text(asking()).dropLast()
        for route in [RouteKind.native, .vertex] { #expect(try text(request, route) == plain + control.after + "}") }
    }

    @Test func vertexAloneChoosesPeopleAndOutputType() throws {
        var request = asking()
        request.personGeneration = "ALLOW_ADULT"
        request.outputType = "image/png"
        #expect(
            try text(request, .vertex)
                == #"{"contents":[{"parts":[{"text":"p"}],"role":"user"}],"generationConfig":{"imageConfig":{"imageOutputOptions":{"mimeType":"image/png"},"personGeneration":"ALLOW_ADULT"},"responseModalities":["TEXT","IMAGE"]}}"#
        )
        #expect(refusedFields(request) == ["personGeneration"])
        request.personGeneration = nil
        #expect(refusedFields(request) == ["outputType"])
    }

    @Test func inputsFollowThePromptAsBase64OrAsTheirURI() throws {
        var request = asking()
        request.inputs = [input("abcd", "image/png"), input("xyz", "image/webp")]
        let parts = #"[{"text":"p"},{"inlineData":{"data":"YWJjZA==","mimeType":"image/png"}},"#
        #expect(
            try text(request).contains(#""parts":\#(parts){"inlineData":{"data":"eHl6","mimeType":"image/webp"}}]"#))
        let file = UploadedFile(name: "files/f", uri: "https://host/files/f", expiresAt: Date())
        let uploaded = try text(request, uploaded: ["xyz": file])
        #expect(
            uploaded.contains(
                #""parts":\#(parts){"fileData":{"fileUri":"https://host/files/f","mimeType":"image/webp"}}]"#))
    }

    @Test func aConversationGoesBackByteForByte() throws {
        var request = asking()
        let content =
            #"{ "parts" : [{"text":"\u00e9 \/","thoughtSignature":"c2\/ln"},{"thought_signature":"x","inline_data":{"mime_type":"image/png", "data":1 }},{"inlineData":{"data":0},"text":"data\":7"}],"role":"model"}"#
        request.history = [
            Turn(
                prompt: "first", inputs: [input("in", "image/png")], content: Array(content.utf8),
                images: [input("zero", "image/png"), input("one", "image/png")]),
            Turn(prompt: "second", inputs: [], content: Array(#"{"parts":[{"text":"t"}]}"#.utf8), images: []),
        ]
        let spliced = content.replacing(#""data":1 "#, with: #""data":"b25l" "#)
            .replacing(#""data":0"#, with: #""data":"emVybw==""#)
        let turns = [
            #"{"parts":[{"text":"first"},{"inlineData":{"data":"aW4=","mimeType":"image/png"}}],"role":"user"}"#,
            spliced, #"{"parts":[{"text":"second"}],"role":"user"}"#, #"{"role":"model","parts":[{"text":"t"}]}"#,
            #"{"parts":[{"text":"p"}],"role":"user"}"#,
        ]
        #expect(
            try text(request)
                == #"{"contents":[\#(turns.joined(separator: ","))],"generationConfig":{"responseModalities":["TEXT","IMAGE"]}}"#
        )
    }

    @Test(
        arguments: [
            "", "{", "[]", "7", #"{"parts":[{"inlineData":{"data":1}}]}"#, #"{"parts":[{"inlineData":{"data":-1}}]}"#,
            #"{"a":}"#, #"{"a" 1}"#, "{}{}", #"{"a":"b}"#, #"{"parts":[1 2]}"#,
            String(repeating: #"{"a":"#, count: 70) + "1" + String(repeating: "}", count: 70),
        ])
    func aContentThatNoAnswerGaveIsNotSent(_ content: String) {
        var request = asking()
        request.history = [
            Turn(prompt: "p", inputs: [], content: Array(content.utf8), images: [input("zero", "image/png")])
        ]
        #expect(refusedFields(request) == ["contents"])
    }

    private func refusedFields(_ request: GenerationRequest) -> [String]? {
        do throws(GeminiError) {
            _ = try request.body(for: .native)
            return nil
        } catch {
            return Outcome(error) == Outcome(.upstreamRejected, .notSent, .no) ? error.fields : []
        }
    }
}

struct RequestBodyTests {
    @Test(arguments: [0, 1, 2, 3, 49_151, 49_152, 49_153, 65_536, 200_000], [1_000, 49_152, 1_000_000])
    func theLengthIsKnownAndThePiecesAreBounded(_ count: Int, _ readBytes: Int) throws {
        let source = MemorySource(picture(bytes: count).prefix(count), readBytes: readBytes)
        let body = RequestBody([.bytes(Array("before".utf8)), .base64(source), .bytes([0x22]), .base64(source)])
        let encoded = base64(source.bytes)
        let (bytes, largest) = try collected(body)
        #expect(String(decoding: bytes, as: UTF8.self) == "before\(encoded)\"\(encoded)")
        #expect(body.contentLength == bytes.count)
        #expect(largest <= BodyReader.bufferBytes && source.largestRead <= BodyReader.bufferBytes)
    }

    @Test func aSourceThatShrankIsAnErrorAndNotAShortBody() throws {
        let source = MemorySource(picture(bytes: 100), claiming: 101)
        #expect(throws: BodyError.inputShrank) { try collected(RequestBody([.base64(source)])) }
    }
}

/// A parameter being given, and what the body then has before and after `responseModalities`, or at its end.
struct Control: Sendable {
    var before: String
    var after: String
    var set: @Sendable (inout GenerationRequest) -> Void

    init(_ before: String, _ after: String, _ set: @escaping @Sendable (inout GenerationRequest) -> Void) {
        (self.before, self.after, self.set) = (before, after, set)
    }
}

func asking() -> GenerationRequest { GenerationRequest(model: "m", prompt: "p") }

/// An input whose name is its content.
func input(_ text: String, _ mimeType: String) -> InputImage {
    InputImage(mimeType: mimeType, sha256: text, source: MemorySource(Array(text.utf8)))
}

func text(
    _ request: GenerationRequest, _ route: RouteKind = .native, uploaded: [String: UploadedFile] = [:]
) throws -> String {
    let body = try request.body(for: route, uploaded: uploaded)
    let bytes = try collected(body).bytes
    #expect(bytes.count == body.contentLength)
    return String(decoding: bytes, as: UTF8.self)
}

func collected(_ body: RequestBody) throws -> (bytes: [UInt8], largestPiece: Int) {
    var reader = BodyReader(body)
    var bytes: [UInt8] = []
    var largest = 0
    while !reader.isAtEnd {
        let piece = Array(try reader.next().readableBytesView)
        bytes += piece
        largest = max(largest, piece.count)
    }
    return (bytes, largest)
}
