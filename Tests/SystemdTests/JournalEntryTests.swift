import Testing

@testable import Systemd

@Suite struct JournalEntryTests {
    @Test(arguments: ["A", "MESSAGE", "DARKROOM_PEER_UID", "X9_", "A" + String(repeating: "B", count: 63)])
    func aNameThatJournaldKeepsIsTaken(name: String) {
        #expect(JournalFieldName(name)?.text == name)
    }

    @Test(arguments: ["", "_PID", "9A", "lower", "A-B", "A.B", "Ä", "A B", "A" + String(repeating: "B", count: 64)])
    func aNameThatJournaldDropsCannotBeWritten(name: String) {
        #expect(JournalFieldName(name) == nil)
    }

    @Test(arguments: [
        ("job.id", "DARKROOM_JOB_ID"), ("peer-uid", "DARKROOM_PEER_UID"), ("_x", "DARKROOM__X"), ("7", "DARKROOM_7"),
        ("é", "DARKROOM___"), ("", "DARKROOM_"), ("a=b\nPRIORITY", "DARKROOM_A_B_PRIORITY"),
    ])
    func aMetadataKeyBecomesAFieldOfOurs(key: String, name: String) {
        #expect(JournalFieldName(metadataKey: key).text == name)
        #expect(JournalFieldName(name)?.text == name)
    }

    @Test func aLongMetadataKeyStillMakesAName() {
        let name = JournalFieldName(metadataKey: String(repeating: "k", count: 100))
        #expect(name.text == "DARKROOM_" + String(repeating: "K", count: 55))
    }

    @Test func aRowHasItsFieldsInOrder() {
        var entry = JournalEntry(message: "an image was kept", priority: 6)
        entry.add(JournalFieldName(metadataKey: "job"), "7\nPRIORITY=0")
        #expect(
            entry.fields == [
                "MESSAGE=an image was kept", "PRIORITY=6", "SYSLOG_IDENTIFIER=darkroomd", "DARKROOM_JOB=7\nPRIORITY=0",
            ])
    }

    @Test func aLongValueIsCutBetweenScalars() {
        let limit = JournalEntry.valueBytes
        let entry = JournalEntry(message: "a" + String(repeating: "é", count: limit), priority: 6)
        #expect(entry.fields[0] == "MESSAGE=a" + String(repeating: "é", count: (limit - 1) / 2) + "…")
        let whole = String(repeating: "é", count: limit / 2)
        #expect(JournalEntry(message: whole, priority: 6).fields[0] == "MESSAGE=" + whole)
    }
}
