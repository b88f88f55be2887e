// Money: held before it is spent, settled from what it came to, and never lost sight of.
//
// In micro-dollars, integers. The law of this file, at every instant and for every account:
//   - held + settled + released == admitted.
//   - A hold is either taken in all accounts that it concerns or in none.

/// Whose money.
package enum Account: Sendable, Hashable {
    /// By uid.
    case principal(UInt32)
    /// By gid.
    case group(UInt32)
    /// By the pattern of a rule, such as `build-*.service`.
    case unit(String)
    case project(String)
    /// By the name of a rule; where each user has a budget of its own, with that user in it.
    case rule(String)
}

/// What may be spent, in micro-dollars; nil: no limit.
package struct Budget: Sendable, Equatable {
    package var perDay: Int64?
    package var perMonth: Int64?

    package init(perDay: Int64? = nil, perMonth: Int64? = nil) {
        self.perDay = perDay
        self.perMonth = perMonth
    }
}

/// Why there is no money for a request.
package struct Overdraft: Error, Sendable, Equatable {
    package var account: Account
    package var kind: WindowKind
    package var limit: Int64
    package var spent: Int64
    package var held: Int64
    /// When the budget is new again; milliseconds since 1970.
    package var resetsAt: Int64

    package init(account: Account, kind: WindowKind, limit: Int64, spent: Int64, held: Int64, resetsAt: Int64) {
        self.account = account
        self.kind = kind
        self.limit = limit
        self.spent = spent
        self.held = held
        self.resetsAt = resetsAt
    }
}

/// Where all money that was ever admitted is.
package struct Balance: Sendable, Equatable {
    package internal(set) var admitted: Int64 = 0
    package internal(set) var held: Int64 = 0
    package internal(set) var settled: Int64 = 0
    package internal(set) var released: Int64 = 0

    package init() {}

    package var isBalanced: Bool { held + settled + released == admitted && held >= 0 }
}

/// Holds, budgets and what was spent; `Hold` names one hold, a call of a job.
package struct Ledger<Hold: Hashable & Sendable>: Sendable {
    private struct Entry: Sendable {
        var micros: Int64
        var accounts: [Account]
        var isUnknown = false
    }

    private var calendar: CivilCalendar
    private var books: [Account: AccountBook] = [:]
    private var holds: [Hold: Entry] = [:]
    package private(set) var balance = Balance()

    /// - Parameter calendar: The days and months that budgets are for.
    package init(calendar: CivilCalendar = .pacific) { self.calendar = calendar }

    package mutating func setBudget(_ budget: Budget, for account: Account) {
        books[account, default: AccountBook()].budget = budget
    }

    /// Holds the worst that some calls can cost, for all of them or for none.
    ///
    /// A hold counts against the day and the month for as long as it stands, and what it is settled at against those
    /// in which it is settled.
    ///
    /// - Parameters:
    ///   - ids: One for each call; each new.
    ///   - micros: For each.
    ///   - accounts: Everybody whose budget it concerns, each once.
    ///   - now: Milliseconds since 1970.
    /// - Throws: The first budget that has not enough left.
    package mutating func hold(
        _ ids: [Hold], micros: Int64, accounts: [Account], now: Int64
    ) throws(Overdraft) {
        let total = micros * Int64(ids.count)
        for account in accounts {
            if let overdraft = books[account]?.overdraft(total, account, now: now, &calendar) { throw overdraft }
        }
        for id in ids { enter(id, micros, accounts) }
    }

    /// Makes room for so many more holds at once.
    package mutating func reserve(_ count: Int) { holds.reserveCapacity(holds.count + count) }

    /// Enters a hold that was taken before a restart, whatever the budgets say; one that is known stays as it is.
    package mutating func restore(_ id: Hold, micros: Int64, accounts: [Account], isUnknown: Bool = false) {
        guard holds[id] == nil else { return }
        // Of a row, which somebody may have edited.
        enter(id, max(0, micros), accounts)
        if isUnknown { markUnknown(id) }
    }

    /// Enters what was spent before a restart; order does not matter.
    package mutating func restore(spent micros: Int64, accounts: [Account], at time: Int64) {
        balance.admitted += micros
        balance.settled += micros
        for account in accounts {
            books[account, default: AccountBook()].enter(spent: micros, at: time)
        }
    }

    private mutating func enter(_ id: Hold, _ micros: Int64, _ accounts: [Account]) {
        precondition(micros >= 0, "a hold is not negative")
        let before = holds.updateValue(Entry(micros: micros, accounts: accounts), forKey: id)
        precondition(before == nil, "a hold is taken once")
        balance.admitted += micros
        balance.held += micros
        for account in accounts { books[account, default: AccountBook()].hold(micros) }
    }

    /// Ends a hold with what the call has cost; false when there is no such hold, so that nothing is paid twice.
    ///
    /// More than was held is entered too: the money is gone.
    @discardableResult
    package mutating func settle(_ id: Hold, micros: Int64, now: Int64) -> Bool {
        guard let entry = holds.removeValue(forKey: id) else { return false }
        let cost = max(0, micros)
        balance.held -= entry.micros
        balance.settled += cost
        balance.released += max(0, entry.micros - cost)
        balance.admitted += max(0, cost - entry.micros)
        for account in entry.accounts { books[account]?.settle(entry.micros, as: cost, now: now, &calendar) }
        return true
    }

    /// Ends a hold of which nothing was spent.
    @discardableResult
    package mutating func release(_ id: Hold, now: Int64) -> Bool { settle(id, micros: 0, now: now) }

    /// Lets a hold stand until an admin or the configured time decides; it counts as before.
    package mutating func markUnknown(_ id: Hold) { holds[id]?.isUnknown = true }

    /// Whether a project's budget has room for a hold that is another project's.
    package mutating func hasRoom(for id: Hold, in project: String, now: Int64) -> Bool {
        guard let entry = holds[id], let book = books[.project(project)] else { return true }
        var copy = book
        return copy.overdraft(entry.micros, .project(project), now: now, &calendar) == nil
    }

    /// Moves a hold to the project that serves the call in the end.
    package mutating func move(_ id: Hold, from old: String, to new: String) {
        guard var entry = holds[id], let place = entry.accounts.firstIndex(of: .project(old)) else { return }
        books[.project(old)]?.drop(entry.micros)
        books[.project(new), default: AccountBook()].hold(entry.micros)
        entry.accounts[place] = .project(new)
        holds[id] = entry
    }

    /// What is held for a call; nil when nothing is.
    package func held(_ id: Hold) -> Int64? { holds[id]?.micros }

    /// Holds of calls of which nobody knows what became, and their sum.
    package var unknown: (count: Int, micros: Int64) {
        holds.values.filter(\.isUnknown).reduce((0, 0)) { ($0.0 + 1, $0.1 + $1.micros) }
    }

    /// What an account has spent, holds and may spend: one entry for the day, one for the month.
    package func standing(_ account: Account, now: Int64) -> [WindowStanding] {
        var calendar = calendar
        return (books[account] ?? AccountBook()).standing(now: now, &calendar)
    }

    /// Accounts that have a budget, have spent or hold.
    package var accounts: Set<Account> { Set(books.keys) }

    package func balance(of account: Account) -> Balance { books[account]?.balance ?? Balance() }

    /// Moves what was spent to the days that it belongs to, when the wall clock was set.
    package mutating func clockWasSet(by step: Int64) {
        for account in books.keys { books[account]?.shift(by: step) }
    }

    /// That every account balances, and that what the accounts hold is what the holds say; linear, for a check.
    package var isBalanced: Bool {
        var held: [Account: Int64] = [:]
        for entry in holds.values {
            for account in entry.accounts { held[account, default: 0] += entry.micros }
        }
        return balance.isBalanced && balance.held == holds.values.reduce(0) { $0 + $1.micros }
            && books.allSatisfy { $0.value.balance.isBalanced && $0.value.balance.held == held[$0.key] ?? 0 }
    }
}
