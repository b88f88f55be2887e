// One token for everybody: fetched when somebody needs it, once for all who wait, and again before it ends.

/// Keeps the access token of one project; `shutdown()` waits for a fetch that is under way.
actor TokenSource {
    /// A token with less life than this is replaced; so does google-auth.
    static let refreshAhead = Duration.seconds(225)
    /// A token with less life than this may end on the way.
    static let leastLife = Duration.seconds(10)

    private let clock: TokenClock
    private let ask: @Sendable () async throws(GeminiError) -> AccessToken
    private var current: AccessToken?
    private var fetching: Task<Result<AccessToken, GeminiError>, Never>?
    private var hasEnded = false
    /// How many wait for the fetch that is under way.
    private(set) var waiterCount = 0

    init(clock: TokenClock, fetch: @escaping @Sendable () async throws(GeminiError) -> AccessToken) {
        self.clock = clock
        ask = fetch
    }

    /// A token that is good for a while.
    ///
    /// - Returns: The one at hand, behind which a new one is fetched when it is time; a fetched one when none is at hand.
    /// - Throws: What the fetch said.
    func token() async throws(GeminiError) -> AccessToken {
        if let current {
            let life = current.expiresAt - clock.elapsed()
            if life > Self.refreshAhead { return current }
            if life > Self.leastLife {
                _ = fetch()
                return current
            }
        }
        return try await fetched().get()
    }

    /// Drops a token that was answered with 401, unless another has already taken its place.
    func refused(_ token: AccessToken) {
        if let current, current.secret.isSame(as: token.secret) { self.current = nil }
    }

    /// Ends a fetch that is under way and begins no other.
    func shutdown() async {
        hasEnded = true
        fetching?.cancel()
        _ = await fetching?.value
    }

    /// The result of the one fetch that is under way.
    private func fetched() async -> Result<AccessToken, GeminiError> {
        guard let task = fetch() else { return .failure(.cancelledBeforeSending) }
        waiterCount += 1
        let result = await task.value
        waiterCount -= 1
        return result
    }

    /// The one fetch that is under way, begun if none is; nil at the end.
    ///
    /// It is a task of this actor and of none of its callers, of whom each may be cancelled or gone; its attempts are
    /// bounded, and so is the wait.
    private func fetch() -> Task<Result<AccessToken, GeminiError>, Never>? {
        guard !hasEnded else { return nil }
        if let fetching { return fetching }
        let task = Task {
            let result: Result<AccessToken, GeminiError>
            do throws(GeminiError) {
                let token = try await ask()
                current = token
                result = .success(token)
            } catch {
                result = .failure(error)
            }
            fetching = nil
            return result
        }
        fetching = task
        return task
    }
}
