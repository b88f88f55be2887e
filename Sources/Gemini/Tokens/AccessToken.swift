// An OAuth access token and the answers of the endpoints that give one.

import FoundationEssentials
import NIOHTTP1

/// A token that opens Vertex AI for about an hour.
struct AccessToken: Sendable {
    /// A secret like a key: one way out, and taken out of every text.
    let secret: ApiKey
    /// By `TokenClock.elapsed`.
    let expiresAt: Duration

    /// Reads `{"access_token","expires_in","token_type"}` (RFC 6749, section 5.1); nil when it is not that.
    init?(body: [UInt8], now: Duration) {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        guard let answer = try? decoder.decode(Body.self, from: Data(body)), let text = answer.accessToken,
            let secret = ApiKey(text), answer.tokenType.map({ $0.lowercased() == "bearer" }) ?? true
        else { return nil }
        self.secret = secret
        // Without the member nobody knows; what then is refused with 401 is fetched anew.
        expiresAt = now + .seconds(min(max(answer.expiresIn ?? 3_600, 0), 86_400))
    }

    private struct Body: Decodable {
        var accessToken: String?
        var expiresIn: Int?
        var tokenType: String?
    }
}

/// How far this host's clock is off, judged by a `Date` header (RFC 9110, section 5.6.7).
enum ClockSkew {
    /// Google refuses assertions of a clock that is farther off.
    static let tolerated = 300

    /// Seconds by which this host's clock is ahead of the far side's; nil without a readable header.
    static func seconds(_ headers: HTTPHeaders, wall: Int) -> Int? {
        headers.first(name: "date").flatMap(time(of:)).map { wall - $0 }
    }

    /// Seconds since 1970 of `Sun, 06 Nov 1994 08:49:37 GMT`.
    static func time(of text: String) -> Int? {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard
            let match = text.wholeMatch(
                of: /[A-Z][a-z]{2}, (\d{2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT/),
            let month = months.firstIndex(of: String(match.output.2)), let day = Int(match.output.1),
            let year = Int(match.output.3), let hour = Int(match.output.4), let minute = Int(match.output.5),
            let second = Int(match.output.6)
        else { return nil }
        return days(year, month + 1, day) * 86_400 + hour * 3_600 + minute * 60 + second
    }

    /// Days since 1970-01-01 in the Gregorian calendar, which is counted from March so that leap days come last.
    private static func days(_ year: Int, _ month: Int, _ day: Int) -> Int {
        let year = month <= 2 ? year - 1 : year
        let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
        return year * 365 + year / 4 - year / 100 + year / 400 + dayOfYear - 719_468
    }
}
