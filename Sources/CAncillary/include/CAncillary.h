// The few system calls, macros and structures that Swift's Glibc module cannot see.
//
// Every function that can fail returns a negated errno then (-EAGAIN, -ENOENT …), never -1: the caller need not
// read errno before something else changes it. Interrupted calls (EINTR) are repeated here. Every descriptor that a
// function makes has FD_CLOEXEC set. Nothing here allocates or keeps state.

#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// MARK: Unix stream sockets

/// Most descriptors that the kernel carries with one message (SCM_MAX_FD, unix(7)).
enum { CA_MAX_DESCRIPTORS = 253 };

/// Longest path of a Unix socket in bytes, without its NUL (sun_path is 108 bytes, unix(7)).
enum { CA_MAX_SOCKET_PATH_BYTES = 107 };

/// What one recvmsg brought.
struct ca_received {
    /// Bytes read; 0 at the end of the stream; a negated errno when nothing was read.
    ssize_t byte_count;
    /// How many entries of `descriptors` were filled; each is the caller's to close.
    uint32_t descriptor_count;
    /// The kernel had more descriptors than it could hand over (MSG_CTRUNC: mostly EMFILE); they are closed already.
    bool descriptors_lost;
};

/// Reads once, without waiting, with room for CA_MAX_DESCRIPTORS descriptors at `descriptors`.
struct ca_received ca_receive(int socket, void *buffer, size_t capacity, int *descriptors);

/// Writes once, without waiting and without SIGPIPE, and gives the descriptors along with the first byte.
/// Returns how many bytes the kernel took; the descriptors went with them whenever that is above 0.
ssize_t ca_send(int socket, const void *bytes, size_t count, const int *descriptors, size_t descriptor_count);

/// Accepts one connection; the new socket is non-blocking.
int ca_accept(int listener);

/// Makes an unbound AF_UNIX stream socket that is non-blocking.
int ca_socket(void);

/// Makes two connected AF_UNIX stream sockets, both non-blocking.
int ca_socket_pair(int *first, int *second);

/// Binds to `path`; -ENAMETOOLONG over CA_MAX_SOCKET_PATH_BYTES. The node gets the mode set by fchmod(2) on `socket`
/// before, less the umask (unix_bind_bsd in net/unix/af_unix.c).
int ca_bind(int socket, const char *path);

/// Connects to `path` and returns the socket, non-blocking; -EAGAIN when the listener's queue stayed full for
/// `timeout_ms` (under 0: for ever). Waits in connect(2) under SO_SNDTIMEO, since a non-blocking connect to a full
/// Unix listener fails at once and poll(2) cannot wait for it.
int ca_connect(const char *path, int timeout_ms);

/// Waits until `socket` can be read (or has ended); 1 if so, 0 when `timeout_ms` (under 0: never) ran out.
int ca_wait_readable(int socket, int timeout_ms);

/// Waits until `socket` can be written (or has ended); 1 if so, 0 when `timeout_ms` (under 0: never) ran out.
int ca_wait_writable(int socket, int timeout_ms);

/// 1 when the peer of a Unix stream socket has closed it both ways (POLLHUP or POLLERR), 0 when at most one way.
int ca_is_hung_up(int socket);

/// shutdown(SHUT_WR).
int ca_finish_writing(int socket);

/// shutdown(SHUT_RDWR); what was sent can still be read.
int ca_finish(int socket);

/// What was sent and is not received yet, as memory of the kernel's (SIOCOUTQ, unix_outq_len in net/unix/af_unix.c);
/// 0 when the peer of a Unix socket has received all of it or is gone.
int ca_unread(int socket);

/// Sets O_NONBLOCK.
int ca_set_nonblocking(int descriptor);

/// struct ucred of SO_PEERCRED (unix(7)): who called connect(2), or listen(2) when asked of the connecting side.
struct ca_credentials {
    int32_t pid;
    uint32_t uid;
    uint32_t gid;
};

int ca_peer_credentials(int socket, struct ca_credentials *credentials);

/// Reads the supplementary groups of the peer (SO_PEERGROUPS).
/// Returns how many there are and fills `groups`; -ERANGE when there are more than `capacity`, with the number needed
/// in `needed`.
ssize_t ca_peer_groups(int socket, uint32_t *groups, size_t capacity, size_t *needed);

// MARK: Files

/// Makes a memfd.
int ca_memfd(const char *name);

/// Copies in the kernel from the offset of `from` to the offset of `to`; 0 at the end of `from`. -EXDEV, -EINVAL,
/// -EOPNOTSUPP or -EBADF (append mode) mean: copy in another way.
ssize_t ca_copy_file_range(int from, int to, size_t count);

/// Copies in the kernel from the offset of a file to a socket or pipe or file; 0 at the end of `from`. A socket must
/// have SIGPIPE ignored.
ssize_t ca_sendfile(int from, int to, size_t count);

/// Reserves space, so that a later write cannot meet ENOSPC; the size grows to offset + length unless `keep_size`.
/// -EOPNOTSUPP where the file system cannot.
int ca_allocate(int descriptor, int64_t offset, int64_t length, bool keep_size);

/// Takes the exclusive flock(2) of an open file without waiting; -EWOULDBLOCK when another process has it.
int ca_lock(int descriptor);

// MARK: The process

/// Forbids core dumps and ptrace by the same user (PR_SET_DUMPABLE 0).
int ca_set_undumpable(void);

/// Lets malloc(3) make at most this many arenas; before the process has a second thread.
int ca_limit_arenas(int count);

/// The words for an errno, from a constant table ("Unknown error" for a number it lacks).
const char *ca_error_description(int number);
