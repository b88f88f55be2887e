// libsystemd, of version 252 or later. sd_journal_print(3) and its kin are variadic and invisible to Swift; only the
// iovec form is used, which is also the only one that never truncates.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
#include <systemd/sd-login.h>

#include <sys/socket.h>

// SOCK_DGRAM and its kin are an enum of <bits/socket_type.h>, which an optimised build of Swift finds in no module once
// this header has drawn it in (6.3.1, tried): so these two calls are made here.

/// Makes a datagram socket for sd_notify's protocol, closed on exec; -1 and errno when it cannot.
static inline int cs_datagram_socket(void) { return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0); }

/// 1 for a listening Unix stream socket, 0 for anything else, a negated errno when that cannot be told.
static inline int cs_is_listening_stream(int descriptor) {
    return sd_is_socket_unix(descriptor, SOCK_STREAM, 1, NULL, 0);
}
