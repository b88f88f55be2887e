// Parameters by name: each wrong one is named, with what would be right.

import Testing
import Wire

@Suite struct ParamReaderTests {
    private func read(_ json: String) throws -> GenerateImage.Params {
        let line = #"{"jsonrpc":"2.0","id":1,"method":"image.generate","params":"# + json + "}"
        var reader = ParamReader(try Request(line: [UInt8](line.utf8)).params)
        let params = try GenerateImage.Params(from: &reader)
        try reader.finish()
        return params
    }

    private func error(_ json: String) -> WireError? {
        do {
            _ = try read(json)
            return nil
        } catch {
            return error as? WireError
        }
    }

    @Test func everyParameterIsRead() throws {
        let params = try read(
            """
            {"prompt":"a cat","model":"flash","aspectRatio":"16:9","imageSize":"2K","count":3,\
            "inputs":[{"fd":0},{"data":"AA=="},{"artifact":"\(String(repeating: "a", count: 64))"}],"continues":"j",\
            "systemInstruction":"s","seed":-5,"temperature":1,"thinking":"high","grounding":["web","image"],\
            "safety":{"HARM_CATEGORY_HARASSMENT":"OFF"},"personGeneration":"ALLOW_ALL","outputType":"image/png",\
            "route":"native","project":"p","native":{"a":1},"exact":true,"wait":false,"delivery":"fd","priority":"bulk",\
            "deadlineSeconds":2.5,"idempotencyKey":"k","reuse":"only","maxCostUSD":0.5,"label":""}
            """)
        var expected = GenerateImage.Params(prompt: "a cat")
        expected.model = "flash"
        expected.aspectRatio = "16:9"
        expected.imageSize = "2K"
        expected.count = 3
        expected.inputs = [.descriptor(0), .data("AA=="), .artifact(String(repeating: "a", count: 64))]
        expected.continues = JobID(rawValue: "j")
        expected.systemInstruction = "s"
        expected.seed = -5
        expected.temperature = 1
        expected.thinking = .high
        expected.grounding = [.web, .image]
        expected.safety = ["HARM_CATEGORY_HARASSMENT": "OFF"]
        expected.personGeneration = .all
        expected.outputType = .png
        expected.route = .native
        expected.project = "p"
        expected.native = ["a": .integer(1)]
        expected.exact = true
        expected.wait = false
        expected.delivery = .fd
        expected.priority = .bulk
        expected.deadlineSeconds = 2.5
        expected.idempotencyKey = "k"
        expected.reuse = .only
        expected.maxCostUSD = 0.5
        expected.label = ""
        #expect(params == expected)
    }

    @Test(arguments: [
        ("{}", "prompt", "the parameter prompt is required"),
        (#"{"prompt":null}"#, "prompt", "the parameter prompt is required"),
        (
            #"{"prompt":"p","inputs":[{"data":""}]}"#, "inputs.0.data",
            "the parameter inputs.0.data has 0 bytes; at least 1 are allowed"
        ),
        (
            #"{"prompt":"p","inputs":[{"artifact":"00"}]}"#, "inputs.0.artifact",
            "the parameter inputs.0.artifact has 2 bytes; 64 are allowed"
        ),
        (#"{"prompt":""}"#, "prompt", "the parameter prompt has 0 bytes; 1 to 131072 are allowed"),
        (#"{"prompt":7}"#, "prompt", "the parameter prompt is an integer, not a string"),
        (#"{"prompt":"p","count":0}"#, "count", "the parameter count is 0; 1 to 10 are allowed"),
        (#"{"prompt":"p","count":11}"#, "count", "the parameter count is 11; 1 to 10 are allowed"),
        (#"{"prompt":"p","count":1.5}"#, "count", "the parameter count is a number, not an integer"),
        (
            #"{"prompt":"p","seed":2147483648}"#, "seed",
            "the parameter seed is 2147483648; -2147483648 to 2147483647 are allowed"
        ),
        (
            #"{"prompt":"p","temperature":2.1}"#, "temperature",
            "the parameter temperature is 2.1; 0.0 to 2.0 are allowed"
        ),
        (
            #"{"prompt":"p","delivery":"file"}"#, "delivery",
            #"the parameter delivery is "file"; legal are "inline", "fd", "none""#
        ),
        (
            #"{"prompt":"p","deadlineSeconds":0}"#, "deadlineSeconds",
            "the parameter deadlineSeconds is 0.0; 0.001 to 604800.0 are allowed"
        ),
        (#"{"prompt":"p","wait":1}"#, "wait", "the parameter wait is an integer, not true or false"),
        (
            #"{"prompt":"p","inputs":[{"fd":0,"data":"x"}]}"#, "inputs.0",
            "the parameter inputs.0 has to have exactly one of fd, data and artifact"
        ),
        (#"{"prompt":"p","inputs":[{"path":"x"}]}"#, "inputs.0.path", "there is no parameter inputs.0.path"),
        (#"{"prompt":"p","aspect_ratio":"1:1"}"#, "aspect_ratio", "there is no parameter aspect_ratio"),
    ])
    func eachFaultIsNamed(json: String, path: String, message: String) {
        let error = error(json)
        #expect(error?.kind == .invalidParams)
        #expect(error?.path == path)
        #expect(error?.message == message)
    }

    @Test func theNearestNameIsOffered() {
        #expect(error(#"{"prompt":"p","aspect_ratio":"1:1"}"#)?.hint == "did you mean aspectRatio?")
        #expect(error(#"{"promt":"p","prompt":"p"}"#)?.hint == "did you mean prompt?")
        #expect(error(#"{"promt":"p"}"#)?.path == "promt")
        #expect(error(#"{"promt":"p"}"#)?.hint == "did you mean prompt?")
        #expect(NearestName.to("zzzzzzzz", among: ["prompt", "model"]) == nil)
    }

    @Test func aPromptOf131072BytesIsTakenAndOneMoreIsNot() {
        #expect(error(#"{"prompt":"\#(String(repeating: "x", count: 131_072))"}"#) == nil)
        #expect(error(#"{"prompt":"\#(String(repeating: "é", count: 65_537))"}"#)?.path == "prompt")
    }

    @Test func nullIsAbsent() throws {
        #expect(try read(#"{"prompt":"p","model":null,"count":null}"#) == GenerateImage.Params(prompt: "p"))
    }

    @Test func whereThereAreNoParametersThatIsSaid() {
        let reader = ParamReader(["x": .integer(1)])
        #expect(throws: WireError(.invalidParams, "there is no parameter x", hint: "there are none here", path: "x")) {
            try reader.finish()
        }
    }

    @Test func whatAClientEncodesTheDaemonReads() throws {
        var params = GenerateImage.Params(prompt: "p")
        params.inputs = [.descriptor(2)]
        params.delivery = .fd
        params.native = ["a": .array([.null])]
        var reader = ParamReader(
            try Request(line: Question.line(GenerateImage.self, id: .integer(1), params: params)).params)
        #expect(try GenerateImage.Params(from: &reader) == params)
    }

    @Test(arguments: [
        "", "ABCDEF", String(repeating: "g", count: 64), String(repeating: "A", count: 64), "../../etc/passwd",
    ])
    func aSha256ThatIsNoneIsRefused(text: String) {
        var reader = ParamReader(["sha256": .string(text)])
        #expect(throws: WireError.self) { try OpenArtifact.Params(from: &reader) }
    }
}
