// Money: nothing is sent that is not held, nothing held is lost, and the books balance at every instant.

import Quota
import Testing

private let noon = instant("2026-11-22T20:00:00Z")
private let user = Account.principal(1000)
private let project = Account.project("p")

struct LedgerTests {
    @Test func ofTwoHundredAgainstABudgetForFiftyExactlyFiftyAreHeld() {
        var ledger = Ledger<Int>()
        ledger.setBudget(Budget(perDay: 50 * 71_200), for: user)
        let held = (0..<200).count { id in
            (try? ledger.hold([id], micros: 71_200, accounts: [user, project], now: noon)) != nil
        }
        #expect(held == 50)
        #expect(ledger.balance(of: project).held == 50 * 71_200)
        #expect(ledger.isBalanced)
    }

    @Test func ofTwoThatRaceForTheLastCentOneWins() throws {
        var ledger = Ledger<Int>()
        ledger.setBudget(Budget(perMonth: 10_000), for: project)
        try ledger.hold([1], micros: 10_000, accounts: [user, project], now: noon)
        let overdraft = Overdraft(
            account: project, kind: .spendPerMonth, limit: 10_000, spent: 0, held: 10_000,
            resetsAt: instant("2026-12-01T08:00:00Z"))
        #expect(throws: overdraft) { try ledger.hold([2], micros: 10_000, accounts: [user, project], now: noon) }
        // Nothing of the second was taken, in the account that had room neither.
        #expect(ledger.balance(of: user).held == 10_000)
        #expect(ledger.isBalanced)
    }

    @Test func aHoldIsForAllCallsOrForNone() {
        var ledger = Ledger<Int>()
        ledger.setBudget(Budget(perDay: 250), for: user)
        #expect(throws: Overdraft.self) { try ledger.hold([1, 2, 3], micros: 100, accounts: [user], now: noon) }
        #expect(ledger.balance == Balance())
    }

    @Test func whatIsLessThanHeldComesBackAndAnUnknownOutcomeDoesNot() throws {
        var ledger = Ledger<Int>()
        ledger.setBudget(Budget(perDay: 200), for: user)
        try ledger.hold([1, 2], micros: 100, accounts: [user], now: noon)
        ledger.settle(1, micros: 60, now: noon)
        ledger.markUnknown(2)
        let standing = ledger.standing(user, now: noon)
        #expect(standing.map(\.used) == [60, 60])
        #expect(standing.map(\.held) == [100, 100])
        #expect(standing[0].remaining == 40)
        #expect(ledger.unknown == (1, 100))
        let again = ledger.settle(1, micros: 60, now: noon)
        #expect(!again)
    }

    @Test func aBudgetIsNewOnItsDay() throws {
        var ledger = Ledger<Int>()
        ledger.setBudget(Budget(perDay: 100, perMonth: 150), for: user)
        let midnight = instant("2026-11-23T08:00:00Z")
        try ledger.hold([1], micros: 100, accounts: [user], now: midnight - 1)
        ledger.settle(1, micros: 100, now: midnight - 1)
        #expect(throws: Overdraft.self) { try ledger.hold([2], micros: 50, accounts: [user], now: midnight - 1) }
        try ledger.hold([2], micros: 50, accounts: [user], now: midnight)
        #expect(throws: Overdraft.self) { try ledger.hold([3], micros: 1, accounts: [user], now: midnight) }
    }

    @Test func aHoldSurvivesARestartBetweenHoldAndSettle() {
        var ledger = Ledger<Int>()
        ledger.setBudget(Budget(perDay: 100), for: user)
        ledger.restore(spent: 30, accounts: [user], at: noon - 3_600_000)
        ledger.restore(spent: 500, accounts: [user], at: noon - 90_000_000)
        ledger.restore(7, micros: 60, accounts: [user], isUnknown: true)
        #expect(throws: Overdraft.self) { try ledger.hold([8], micros: 11, accounts: [user], now: noon) }
        #expect(throws: Never.self) { try ledger.hold([8], micros: 10, accounts: [user], now: noon) }
        #expect(ledger.isBalanced)
    }

    @Test func theBooksBalanceAtEveryInstantOfARandomRun() {
        for seed in 1...20 as ClosedRange<UInt64> {
            var random = Seeded(seed)
            var ledger = Ledger<Int>()
            let accounts: [Account] = [.principal(1), .principal(2), .group(5), .unit("build-*"), .project("p")]
            for account in accounts {
                ledger.setBudget(Budget(perDay: .random(in: 0...5000, using: &random)), for: account)
            }
            var now = noon
            var open: [Int] = []
            for id in 0..<500 {
                now += .random(in: -60_000...1_800_000, using: &random)
                let concerned = accounts.filter { _ in Bool.random(using: &random) }
                let micros = Int64.random(in: 0...300, using: &random)
                if (try? ledger.hold([id], micros: micros, accounts: concerned, now: now)) != nil { open.append(id) }
                if Int.random(in: 0..<3, using: &random) > 0, let one = open.randomElement(using: &random) {
                    switch Int.random(in: 0..<4, using: &random) {
                    case 0: ledger.release(one, now: now)
                    case 1: ledger.markUnknown(one)
                    case 2: ledger.move(one, from: "p", to: "q")
                    default: ledger.settle(one, micros: .random(in: 0...400, using: &random), now: now)
                    }
                    if ledger.held(one) == nil { open.removeAll { $0 == one } }
                }
                #expect(ledger.isBalanced)
            }
            for one in open { ledger.settle(one, micros: 1, now: now) }
            #expect(ledger.balance.held == 0)
            #expect(ledger.isBalanced)
        }
    }
}
