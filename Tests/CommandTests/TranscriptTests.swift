import Testing

struct TranscriptTests {
    @Test(arguments: Transcript.names)
    func everythingSaidIsAsWritten(name: String) throws {
        let transcript = try Transcript(name)
        #expect(!transcript.scenes.isEmpty)
        for scene in transcript.scenes {
            let outcome = try scene.play()
            #expect(outcome == scene.outcome, "\(name): $ \(scene.command)")
        }
    }
}
