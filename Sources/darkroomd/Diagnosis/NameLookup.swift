// Which addresses a host's name has, by family: Google judges the region by the address a request comes from, and the two
// families of one host can be in two regions.

import Dispatch
import Glibc

/// The addresses of a name.
struct NameLookup: Sendable {
    var hasIPv4: Bool
    var hasIPv6: Bool

    var words: String {
        switch (hasIPv4, hasIPv6) {
        case (true, true): "IPv4 and IPv6 addresses"
        case (true, false): "an IPv4 address and no IPv6 one"
        case (false, true): "an IPv6 address and no IPv4 one"
        case (false, false): "no address"
        }
    }

    /// Looks a name up as the rest of the host does; on a thread of its own, since getaddrinfo(3) waits.
    static func of(_ host: String) async -> NameLookup {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(
                    returning: NameLookup(hasIPv4: has(host, AF_INET), hasIPv6: has(host, AF_INET6)))
            }
        }
    }

    private static func has(_ host: String, _ family: Int32) -> Bool {
        var hints = unsafe addrinfo()
        unsafe hints.ai_family = family
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard unsafe getaddrinfo(host, nil, &hints, &found) == 0 else { return false }
        unsafe freeaddrinfo(found)
        return true
    }
}
