// What the API refuses, in its words, and what it takes.

import Foundation
import Testing
import TestKit

struct GenerateRequestTests {
    private static let contents = #""contents":[{"parts":[{"text":"a cat"}]}]"#

    private static let refused: [(model: String, body: String, status: Int, message: String)] = [
        (
            "gemini-3.1-flash-image", #"{\#(contents),"foo":1}"#, 400,
            #"Invalid JSON payload received. Unknown name "foo": Cannot find field."#
        ),
        (
            "gemini-3.1-flash-image", #"{\#(contents),"generationConfig":{"aspectRatio":"1:1"}}"#, 400,
            #"Invalid JSON payload received. Unknown name "aspectRatio" at 'generation_config': Cannot find field."#
        ),
        (
            "gemini-3.1-flash-image", #"{"contents":[{"parts":[{"text":"a","colour":1}]}]}"#, 400,
            #"Invalid JSON payload received. Unknown name "colour" at 'contents[0].parts[0]': Cannot find field."#
        ),
        (
            "gemini-3.1-flash-image",
            #"{\#(contents),"generationConfig":{"imageConfig":{"personGeneration":"ALLOW_ALL"}}}"#,
            400,
            "Invalid JSON payload received. Unknown name \"personGeneration\" at "
                + "'generation_config.image_config': Cannot find field."
        ),
        (
            "gemini-3.1-flash-image", #"{\#(contents),"safetySettings":[{"method":"SEVERITY"}]}"#, 400,
            #"Invalid JSON payload received. Unknown name "method" at 'safety_settings[0]': Cannot find field."#
        ),
        (
            "gemini-3.1-flash-image", #"{\#(contents),"generationConfig":{"responseModalities":["PICTURE"]}}"#, 400,
            "Invalid value at 'generation_config.response_modalities[0]' "
                + "(type.googleapis.com/google.ai.generativelanguage.v1beta.GenerationConfig.Modality), \"PICTURE\""
        ),
        (
            "gemini-3.1-flash-image", #"{\#(contents),"generationConfig":{"seed":"x"}}"#, 400,
            "Invalid value at 'generation_config.seed' (TYPE_INT32), \"x\""
        ),
        (
            "gemini-3.1-flash-image", #"{\#(contents),"generationConfig":{"imageConfig":{"aspectRatio":"7:3"}}}"#, 400,
            "* GenerateContentRequest.generation_config.image_config.aspect_ratio: aspect_ratio must be one of '1:1', "
                + "'1:4', '1:8', '2:3', '3:2', '3:4', '4:1', '4:3', '4:5', '5:4', '8:1', '9:16', '16:9', or '21:9'.\n"
        ),
        (
            "gemini-3.1-flash-image", #"{\#(contents),"generationConfig":{"imageConfig":{"imageSize":"2k"}}}"#, 400,
            "* GenerateContentRequest.generation_config.image_config.image_size: image_size must be one of '512', '1K', "
                + "'2K', or '4K'.\n"
        ),
        (
            "gemini-nano-banana-2.1", #"{\#(contents),"generationConfig":{"imageConfig":{"imageSize":"512"}}}"#, 400,
            "* GenerateContentRequest.generation_config.image_config.image_size: image_size must be one of '1K', '2K', "
                + "or '4K'.\n"
        ),
        (
            "gemini-2.5-flash-image", #"{\#(contents),"generationConfig":{"imageConfig":{"imageSize":"1K"}}}"#, 400,
            "Image size is not enabled for this model"
        ),
        (
            "gemini-2.5-flash-image", #"{\#(contents),"generationConfig":{"thinkingConfig":{"includeThoughts":true}}}"#,
            400,
            "Thinking is not enabled for models/gemini-2.5-flash-image"
        ),
        (
            "gemini-2.5-flash", #"{\#(contents),"generationConfig":{"imageConfig":{"aspectRatio":"1:1"}}}"#, 400,
            "Aspect ratio is not enabled for this model"
        ),
        ("gemini-3.1-flash-image", "{}", 400, "* GenerateContentRequest.contents: contents is not specified\n"),
        (
            "gemini-3.1-flash-image", #"{"contents":[{"parts":[{"inlineData":{"mimeType":"image/jpg","data":""}}]}]}"#,
            400,
            "Unsupported MIME type: image/jpg"
        ),
        (
            "gemini-3.1-flash-image",
            #"{"contents":[{"parts":[{"inlineData":{"mimeType":"image/png","data":"AAAA"}}]}]}"#,
            400, "Provided image is not valid."
        ),
        (
            "gemini-9", #"{\#(contents)}"#, 404,
            "models/gemini-9 is not found for API version v1beta, or is not supported for generateContent. Call "
                + "ListModels to see the list of available models and their supported methods."
        ),
        ("gemini-3.1-flash-image", "{", 400, "Invalid JSON payload received. Unexpected end of string.\n\n^"),
    ]

    @Test func whatTheAPIRefusesIsRefusedInItsWords() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        for (model, body, status, message) in Self.refused {
            let seen = try simulator.send("\(simulator.url)/models/\(model):generateContent", body: body)
            #expect(seen.status == status, "\(body)")
            #expect(seen.errorMessage == message, "\(body)")
        }
    }

    @Test func anUnknownNameIsNamedInTheDetails() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let seen = try simulator.generate(config: #"{"colour":1}"#)
        #expect(
            seen.text == """
                {
                  "error": {
                    "code": 400,
                    "message": "Invalid JSON payload received. Unknown name \\"colour\\" at 'generation_config': Cannot find field.",
                    "status": "INVALID_ARGUMENT",
                    "details": [
                      {
                        "@type": "type.googleapis.com/google.rpc.BadRequest",
                        "fieldViolations": [
                          {
                            "field": "generation_config",
                            "description": "Invalid JSON payload received. Unknown name \\"colour\\" at 'generation_config': Cannot find field."
                          }
                        ]
                      }
                    ]
                  }
                }

                """)
    }

    @Test func snakeCaseIsTakenAsCamelCaseIs() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let seen = try simulator.send(
            simulator.url.replacing("/v1beta", with: "/v1") + "/models/gemini-3.1-flash-image:generateContent",
            body: #"{"contents":{"parts":{"text":"x"}},"generation_config":{"response_modalities":["Image"],"#
                + #""image_config":{"aspect_ratio":"8:1","image_size":"512"}}}"#)
        #expect(seen.images.map(Header.init) == [Header(type: "jpeg", width: 1536, height: 192)])
    }

    @Test func anUnknownPathIsAPageAndNoJSON() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let seen = try simulator.send(simulator.url + "/nowhere")
        #expect(seen.status == 404)
        #expect(seen.headers["content-type"] == "text/html; charset=UTF-8")
    }

    @Test func aModelTurnWithoutItsSignatureIsRefusedWhereTheModelDemandsIt() throws {
        let simulator = try RunningSimulator(key: nil)
        defer { #expect(simulator.stop() == 0) }
        let image = try #require(try simulator.generate(act: "{}").images.first).base64EncodedString()
        let body = #"""
            {"contents":[{"role":"user","parts":[{"text":"a"}]},{"role":"model","parts":[{"inlineData":{"mimeType":
            "image/jpeg","data":"\#(image)"}}]},{"role":"user","parts":[{"text":"bluer"}]}]}
            """#
        let url = simulator.url + "/models/gemini-3-pro-image:generateContent"
        #expect(
            try simulator.send(url, body: body).errorMessage
                == "Image part is missing a thought_signature in content position 2, part position 1. Please refer to "
                + "https://ai.google.dev/gemini-api/docs/thought-signatures for more details.")
    }
}
