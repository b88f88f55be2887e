import Testing

@testable import darkroom

struct MembershipTests {
    @Test func aSessionThatIsOlderThanTheMembershipIsToldApart() {
        let waiting = Membership(user: "alice", group: "darkroom", isListed: true, isActive: false)
        #expect(waiting.found == "alice is in the group darkroom, but this session is not")
        #expect(waiting.next == "newgrp darkroom, or log out and in again")
        let stranger = Membership(user: "alice", group: "darkroom", isListed: false, isActive: false)
        #expect(stranger.found == "alice is not in the group darkroom")
        #expect(stranger.next == "sudo usermod -aG darkroom alice, then log out and in again")
        let member = Membership(user: "alice", group: "darkroom", isListed: true, isActive: true)
        #expect(member.found == "alice is in the group darkroom, and may not connect all the same")
        #expect(member.next == nil)
    }
}
