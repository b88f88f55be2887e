// libsystemd, of version 252 or later. sd_journal_print(3) and its kin are variadic and invisible to Swift; only the
// iovec form is used, which is also the only one that never truncates.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
#include <systemd/sd-login.h>
