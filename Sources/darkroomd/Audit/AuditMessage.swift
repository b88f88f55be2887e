// What a row of the audit chain is called in the journal. Each kind of row has its MESSAGE_ID, under which
// systemd/darkroom.catalog explains it to an admin (`journalctl -x`); a test holds the two together.

import Store
import Wire

/// The journal's name, urgency and sentence for a row of the chain.
struct AuditMessage: Sendable, Equatable {
    /// 32 hexadecimal digits, as journald wants them.
    let id: String
    /// As in syslog(3): 6 what happened, 4 who was denied, 3 what an admin should mend.
    let priority: Int
    /// Begins the entry's `MESSAGE=`.
    let sentence: String

    init(_ id: String, _ priority: Int, _ sentence: String) {
        self.id = id
        self.priority = priority
        self.sentence = sentence
    }

    /// By the event's name.
    static let events: [AuditEvent: AuditMessage] = [
        .started: AuditMessage("64655a212aae46479c25d600b2968e64", 5, "the daemon started"),
        .stopped: AuditMessage("12fc417c03a64eaca37f4b25da4133a3", 5, "the daemon stopped"),
        .keyLoaded: AuditMessage("c6af7d36b924412f922d76d3bb66bee7", 5, "a key was loaded"),
        .keyChanged: AuditMessage("9b2d6cb22411491d9819f1243498e3f2", 5, "another key was loaded than the last time"),
        .policyLoaded: AuditMessage("5162b48368b24229b6bea30d4523fe20", 5, "a configuration was taken into use"),
        .reloadRefused: AuditMessage("afeaeaeb9d8f4b2cb513cebb05a68e71", 3, "a configuration was refused"),
        .accepted: AuditMessage("65ce415397fe4ab393f8b8650ac7a6f2", 6, "a job was accepted"),
        .denied: AuditMessage("b0deb253c5044571a63d9a201bbfc672", 4, "a request was denied"),
        .sent: AuditMessage("a87caf3b844f4220af4b99e2eba16876", 6, "a call is being sent"),
        .requeued: AuditMessage("92200de06f8d4182adca774790adbb21", 6, "a call waits for another attempt"),
        .ended: AuditMessage("90e020779add48f1997d799957ec0004", 6, "a call ended"),
        .cancelled: AuditMessage("72af26a49e154ac699c5f3d36355d3bb", 6, "a job was cancelled"),
        .cancelAsked: AuditMessage(
            "0fc40546a48747bd9a72a053d2b5aae4", 6, "somebody asked to cancel a job that was sent already"),
        .resolved: AuditMessage("bc1807cecde24dd4959cd664f47deda5", 5, "the cost of an unknown outcome was settled"),
        .paused: AuditMessage("49d08ce146fc4d77b13f871a312ce2b2", 5, "a project was paused"),
        .resumed: AuditMessage("7e2a1991c4c04248b6e144474ecb3424", 5, "a project was resumed"),
        .gap: AuditMessage("2ca3f2df60e049cf8289c97aa9e813a5", 2, "rows of the record are missing in the journal"),
    ]

    /// A row that somebody has edited so that it cannot be read.
    static let unreadable = AuditMessage("d2f4a6a0c1b94b5e9a5f3b7c08e61d42", 2, "a row of the record cannot be read")

    /// For what ended or was denied with an error of this kind, and needs other words than the event's.
    static let kinds: [ErrorKind: AuditMessage] = [
        .notPermitted: AuditMessage("bfa2995ab66140a6aaebc10a940d6cef", 4, "the policy denied a request"),
        .overBudget: AuditMessage("26cad668de424b59a447a620efa730c8", 4, "a budget is used up"),
        .unpriced: AuditMessage("a67a7afea6014d188e5fc4d374f5e8e8", 4, "a request has no known price"),
        .quotaDay: AuditMessage("cbbc4261ffdc4977bec1e364bf808f82", 4, "a day's quota is used up"),
        .noQuota: AuditMessage("038bd48011374349b1598ea4d7e2b7fa", 3, "Google grants this project no quota"),
        .spendCap: AuditMessage("948c87a98a104457ba015810f0e46e72", 3, "billing stopped the project"),
        .keyMissing: AuditMessage("93eb9e82b4d340489d00978b1859c16e", 3, "there is no key"),
        .keyRejected: AuditMessage("ad8c7ce25fde474fa1139ac99c067389", 3, "Google rejected the key"),
        .keyRestricted: AuditMessage("b9b8c0fda705453ebfac623c146d9f72", 3, "the key may not be used for this"),
        .keyLeaked: AuditMessage("65b31e50b33349e5bd58eebe574cccd3", 2, "Google says that the key was leaked"),
        .region: AuditMessage("be09b1ce80544adda95ca8a46af178bf", 3, "Google does not serve this place"),
        .serviceDisabled: AuditMessage("d5c774b2161d45229043fa472e38d907", 3, "the API is not enabled"),
        .wrongHost: AuditMessage("513bc7cea32f434ba0ad8565eb33e9b6", 3, "the key is for another host"),
        .storageFull: AuditMessage("76f769f3cf86472789acc3a1876961ee", 3, "the disk is full"),
        .outcomeUnknown: AuditMessage("0d07ec1b0a1f423b98f83e615dac0500", 4, "the outcome of a call is unknown"),
    ]

    /// Finds the words for a row.
    init(event: String, kind: String?) {
        if let kind, let known = Self.kinds[ErrorKind(rawValue: kind)] {
            self = known
        } else if let known = AuditEvent(rawValue: event).flatMap({ Self.events[$0] }) {
            self = known
        } else if event == AuditRow.unreadableEvent {
            self = .unreadable
        } else {
            // Written by a newer version: it is on record all the same.
            self.init("90e020779add48f1997d799957ec0004", 6, "\(event.prefix(64))")
        }
    }
}
