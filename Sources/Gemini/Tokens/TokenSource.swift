// One token for everybody: fetched when somebody needs it, once for all who wait, and again before it ends.

/// Keeps the access token of one project; `shutdown()` waits for a fetch that is under way.
actor TokenSource {
    /// A token with less life than this is replaced; so does google-auth.
    static let refreshAhead = Duration.seconds(225)
    /// A token with less life than this may end on the way.
    static let leastLife = Duration.seconds(10)

    private let clock: TokenClock
    private let fetch: @Sendable () async throws(GeminiError) -> AccessToken
    private var current: AccessToken?
    private var fetching: Task<Result<AccessToken, GeminiError>, Never>?
    private var hasEnded = false
    /// How many wait for the fetch that is under way.
    private(set) var waiterCount = 0

    init(clock: TokenClock, fetch: @escaping @Sendable () async throws(GeminiError) -> AccessToken) {
        self.clock = clock
        self.fetch = fetch
    }

    /// A token that is good for a while.
    ///
    /// - Returns: The one at hand, or a fetched one. When fetching fails shortly before the old one ends, the old one.
    /// - Throws: What the fetch said.
    func token() async throws(GeminiError) -> AccessToken {
        if let current, current.expiresAt - clock.elapsed() > Self.refreshAhead { return current }
        switch await fetched() {
        case .success(let token): return token
        case .failure(let error):
            if let current, current.expiresAt - clock.elapsed() > Self.leastLife { return current }
            throw error
        }
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
    ///
    /// It is a task of this actor and of none of its callers, of whom each may be cancelled; its attempts are bounded,
    /// and so is the wait.
    private func fetched() async -> Result<AccessToken, GeminiError> {
        guard !hasEnded else { return .failure(.cancelledBeforeSending) }
        let task: Task<Result<AccessToken, GeminiError>, Never>
        if let fetching {
            task = fetching
        } else {
            task = Task { [fetch] in
                do throws(GeminiError) {
                    return .success(try await fetch())
                } catch {
                    return .failure(error)
                }
            }
            fetching = task
        }
        waiterCount += 1
        let result = await task.value
        waiterCount -= 1
        if fetching == task {
            fetching = nil
            if case .success(let token) = result { current = token }
        }
        return result
    }
}
