// What there is little of, and one user could take all of, is given out in shares: open files, for an answer holds its
// images' until it is sent, and a user has ten thousand connections; and readers of the ledger, for there are five.

import Synchronization

/// Gives each user so much of something and no more, first come, first served.
final class UserShares: Sendable {
    /// One of what is shared, until nobody has the token any more.
    final class Token: Sendable {
        private let shares: UserShares
        private let uid: UInt32

        fileprivate init(_ shares: UserShares, _ uid: UInt32) {
            self.shares = shares
            self.uid = uid
        }

        deinit { shares.giveBack(for: uid) }
    }

    private struct Waiter {
        let count: Int
        /// Absent for the moment between coming and waiting.
        var continuation: CheckedContinuation<Bool, Never>?
    }

    private struct User {
        var taken = 0
        var waiting: [UInt64: Waiter] = [:]
        /// The number of the first who may wait, and of the next to come.
        var head: UInt64 = 0
        var tail: UInt64 = 0

        /// Those whose turn it is.
        mutating func admit(upTo share: Int) -> [CheckedContinuation<Bool, Never>] {
            var admitted: [CheckedContinuation<Bool, Never>] = []
            while head < tail {
                if let first = waiting[head] {
                    guard let continuation = first.continuation, taken + first.count <= share else { break }
                    waiting[head] = nil
                    taken += first.count
                    admitted.append(continuation)
                }
                head += 1
            }
            return admitted
        }
    }

    private let share: Int
    private let users = Mutex<[UInt32: User]>([:])

    /// - Parameter share: Of each user.
    init(of share: Int) { self.share = share }

    /// Waits until a user may have so many more.
    ///
    /// - Parameters:
    ///   - count: At most the share.
    ///   - uid: Who.
    /// - Returns: So many tokens, each to be kept as long as what it stands for is.
    /// - Throws: When the task is cancelled; then it leaves the line.
    func take(_ count: Int, for uid: UInt32) async throws(CancellationError) -> [Token] {
        precondition(count <= share, "nobody is let in with more than a share")
        guard count > 0 else { return [] }
        let number = users.withLock { users in
            var user = users[uid] ?? User()
            defer { users[uid] = user }
            user.waiting[user.tail] = Waiter(count: count)
            user.tail += 1
            return user.tail - 1
        }
        let isAdmitted = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isStillThere = change(uid) { user in
                    guard user.waiting[number] != nil else { return false }
                    user.waiting[number]?.continuation = continuation
                    return true
                }
                if !isStillThere { continuation.resume(returning: false) }
            }
        } onCancel: {
            let left = change(uid) { $0.waiting.removeValue(forKey: number) }
            left?.continuation?.resume(returning: false)
        }
        guard isAdmitted else { throw CancellationError() }
        return (0..<count).map { _ in Token(self, uid) }
    }

    private func giveBack(for uid: UInt32) { change(uid) { $0.taken -= 1 } }

    /// Changes a user's account and lets in whose turn it is then.
    @discardableResult
    private func change<Result: Sendable>(_ uid: UInt32, _ body: (inout User) -> Result) -> Result {
        let (result, admitted) = users.withLock { users in
            var user = users[uid] ?? User()
            let result = body(&user)
            let admitted = user.admit(upTo: share)
            users[uid] = user.taken == 0 && user.waiting.isEmpty ? nil : user
            return (result, admitted)
        }
        for continuation in admitted { continuation.resume(returning: true) }
        return result
    }
}
