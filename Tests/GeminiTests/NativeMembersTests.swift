// What a caller may add to the body by hand, and what not.

import Testing

@testable import Gemini

struct NativeMembersTests {
    @Test(
        arguments: [
            "contents", "model", "tools", "toolConfig", "cachedContent", "serviceTier", "tool_config",
            "cached_content", "service_tier", "Service_Tier", "systemInstruction", "system_instruction",
        ])
    func aMemberThatTheDaemonSetsIsRefused(_ name: String) {
        #expect(fault(#"{"labels":{},"\#(name)":1}"#) == .forbidden(path: name))
    }

    @Test(
        arguments: ["generationConfig", "generation_config"],
        [
            "candidateCount", "candidate_count", "imageConfig", "image_config", "responseModalities",
            "response_modalities", "responseFormat", "response_format", "maxOutputTokens", "max_output_tokens",
            "thinkingConfig", "thinking_config", "mediaResolution", "routingConfig",
        ])
    func aControlThatIsPricedOrLimitedIsRefused(_ config: String, _ name: String) {
        #expect(fault(#"{"\#(config)":{"topP":0.5,"\#(name)":{}}}"#) == .forbidden(path: "\(config).\(name)"))
    }

    @Test(arguments: ["safetySettings", "safety_settings"])
    func aMemberIsRefusedWhenItsParameterWasGiven(_ name: String) {
        var request = asking()
        request.native = Array(#"{"\#(name)":[]}"#.utf8)
        #expect(request.nativeFault == nil)
        request.safety = ["c": "t"]
        #expect(request.nativeFault == .forbidden(path: name))
    }

    @Test func seedAndTemperatureAreRefusedWhenGivenTwice() {
        var request = asking()
        request.native = Array(#"{"generationConfig":{"seed":1,"temperature":1}}"#.utf8)
        #expect(request.nativeFault == nil)
        request.temperature = 1
        #expect(request.nativeFault == .forbidden(path: "generationConfig.temperature"))
        request.seed = 1
        #expect(request.nativeFault == .forbidden(path: "generationConfig.seed"))
    }

    @Test(arguments: ["", "[]", "null", "7", "{", "\"a\""])
    func whatIsNoObjectIsRefused(_ native: String) { #expect(fault(native) == .notAnObject) }

    @Test(arguments: ["null", "[]", "1"])
    func theConfigCannotBeReplaced(_ value: String) {
        #expect(fault(#"{"generationConfig":\#(value)}"#) == .forbidden(path: "generationConfig"))
    }

    @Test func allowedMembersAreMergedInDepthUnderTheNamesThatAreThere() throws {
        var request = asking()
        request.seed = 5
        request.native = Array(
            #"{"generation_config":{"top_p":0.25,"stopSequences":["a\/b",null,true,-3,18446744073709551615]},"labels":{"a_b":"c"}}"#
                .utf8)
        #expect(
            try text(request)
                == #"{"contents":[{"parts":[{"text":"p"}],"role":"user"}],"generationConfig":{"responseModalities":["TEXT","IMAGE"],"seed":5,"stopSequences":["a/b",null,true,-3,18446744073709551615],"top_p":0.25},"labels":{"a_b":"c"}}"#
        )
    }

    @Test func aForbiddenMemberNeverComesIntoABody() {
        var request = asking()
        request.native = Array(#"{"tools":[]}"#.utf8)
        #expect(throws: GeminiError.self) { try request.body(for: .native) }
    }

    private func fault(_ native: String) -> NativeFault? {
        var request = asking()
        request.native = Array(native.utf8)
        return request.nativeFault
    }
}
