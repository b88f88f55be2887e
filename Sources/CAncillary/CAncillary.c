#define _GNU_SOURCE
#include "CAncillary.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <malloc.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

_Static_assert(CA_MAX_SOCKET_PATH_BYTES == sizeof(((struct sockaddr_un *)0)->sun_path) - 1, "unix(7)");

// Repeats a call that a signal interrupted and gives its result, or the negated errno.
#define RETRYING(type, call)                       \
    ({                                             \
        type result_;                              \
        do result_ = (call);                       \
        while (result_ < 0 && errno == EINTR);     \
        result_ < 0 ? (type)-errno : result_;      \
    })

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int) * CA_MAX_DESCRIPTORS)];
};

struct ca_received ca_receive(int socket, void *buffer, size_t capacity, int *descriptors) {
    struct ca_received received = {0, 0, false};
    union control control;
    struct iovec part = {.iov_base = buffer, .iov_len = capacity};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes,
    };
    received.byte_count = RETRYING(ssize_t, recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT));
    if (received.byte_count < 0) return received;
    received.descriptors_lost = (message.msg_flags & MSG_CTRUNC) != 0;
    for (struct cmsghdr *entry = CMSG_FIRSTHDR(&message); entry != NULL; entry = CMSG_NXTHDR(&message, entry)) {
        if (entry->cmsg_level != SOL_SOCKET || entry->cmsg_type != SCM_RIGHTS) continue;
        size_t count = (entry->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        if (count > CA_MAX_DESCRIPTORS - received.descriptor_count) count = CA_MAX_DESCRIPTORS - received.descriptor_count;
        memcpy(descriptors + received.descriptor_count, CMSG_DATA(entry), count * sizeof(int));
        received.descriptor_count += (uint32_t)count;
    }
    return received;
}

ssize_t ca_send(int socket, const void *bytes, size_t count, const int *descriptors, size_t descriptor_count) {
    if (descriptor_count > CA_MAX_DESCRIPTORS) return -EINVAL;
    union control control;
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (descriptor_count > 0) {
        size_t length = sizeof(int) * descriptor_count;
        memset(&control, 0, sizeof control);
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(length);
        struct cmsghdr *entry = CMSG_FIRSTHDR(&message);
        entry->cmsg_level = SOL_SOCKET;
        entry->cmsg_type = SCM_RIGHTS;
        entry->cmsg_len = CMSG_LEN(length);
        memcpy(CMSG_DATA(entry), descriptors, length);
    }
    return RETRYING(ssize_t, sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
}

int ca_accept(int listener) {
    return RETRYING(int, accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

int ca_socket(void) {
    return RETRYING(int, socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

int ca_socket_pair(int *first, int *second) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) return -errno;
    *first = pair[0];
    *second = pair[1];
    return 0;
}

static int make_address(const char *path, struct sockaddr_un *address) {
    size_t length = strlen(path);
    if (length > CA_MAX_SOCKET_PATH_BYTES) return -ENAMETOOLONG;
    // An empty path would autobind to an abstract name, which has no file mode.
    if (length == 0) return -ENOENT;
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, length);
    return 0;
}

int ca_bind(int socket, const char *path) {
    struct sockaddr_un address;
    int made = make_address(path, &address);
    if (made < 0) return made;
    return RETRYING(int, bind(socket, (const struct sockaddr *)&address, sizeof address));
}

int ca_connect(const char *path, int timeout_ms) {
    struct sockaddr_un address;
    int made = make_address(path, &address);
    if (made < 0) return made;
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -errno;
    int result = 0;
    if (timeout_ms >= 0) {
        // An SO_SNDTIMEO of 0 would mean for ever.
        int bounded_ms = timeout_ms == 0 ? 1 : timeout_ms;
        struct timeval timeout = {.tv_sec = bounded_ms / 1000, .tv_usec = (bounded_ms % 1000) * 1000};
        if (setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) < 0) result = -errno;
    }
    if (result == 0) result = RETRYING(int, connect(descriptor, (const struct sockaddr *)&address, sizeof address));
    if (result == 0) result = ca_set_nonblocking(descriptor);
    if (result < 0) {
        close(descriptor);
        return result;
    }
    return descriptor;
}

static int64_t monotonic_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int wait_for(int socket, short events, int timeout_ms) {
    struct pollfd entry = {.fd = socket, .events = events};
    int64_t end = timeout_ms < 0 ? 0 : monotonic_ms() + timeout_ms;
    for (;;) {
        int result = poll(&entry, 1, timeout_ms);
        if (result >= 0) return result;
        if (errno != EINTR) return -errno;
        if (timeout_ms >= 0) {
            int64_t left = end - monotonic_ms();
            timeout_ms = left > 0 ? (int)left : 0;
        }
    }
}

int ca_wait_readable(int socket, int timeout_ms) { return wait_for(socket, POLLIN, timeout_ms); }

int ca_wait_writable(int socket, int timeout_ms) { return wait_for(socket, POLLOUT, timeout_ms); }

int ca_is_hung_up(int socket) {
    int result = wait_for(socket, 0, 0);
    return result > 0 ? 1 : result;
}

int ca_unread(int socket) {
    int bytes = 0;
    return ioctl(socket, SIOCOUTQ, &bytes) < 0 ? -errno : bytes;
}

int ca_finish(int socket) { return shutdown(socket, SHUT_RDWR) < 0 ? -errno : 0; }

int ca_finish_writing(int socket) { return shutdown(socket, SHUT_WR) < 0 ? -errno : 0; }

int ca_set_nonblocking(int descriptor) {
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) < 0) return -errno;
    return 0;
}

int ca_peer_credentials(int socket, struct ca_credentials *credentials) {
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0) return -errno;
    if (length != sizeof peer) return -EPROTO;
    credentials->pid = peer.pid;
    credentials->uid = peer.uid;
    credentials->gid = peer.gid;
    return 0;
}

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

ssize_t ca_peer_groups(int socket, uint32_t *groups, size_t capacity, size_t *needed) {
    _Static_assert(sizeof(gid_t) == sizeof(uint32_t), "gid_t is 32 bits");
    socklen_t length = (socklen_t)(capacity * sizeof(gid_t));
    int result = getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups, &length);
    *needed = length / sizeof(gid_t);
    return result < 0 ? -errno : (ssize_t)*needed;
}

int ca_memfd(const char *name) { return RETRYING(int, memfd_create(name, MFD_CLOEXEC)); }

ssize_t ca_copy_file_range(int from, int to, size_t count) {
    return RETRYING(ssize_t, copy_file_range(from, NULL, to, NULL, count, 0));
}

ssize_t ca_sendfile(int from, int to, size_t count) { return RETRYING(ssize_t, sendfile(to, from, NULL, count)); }

int ca_allocate(int descriptor, int64_t offset, int64_t length, bool keep_size) {
    return RETRYING(int, fallocate(descriptor, keep_size ? FALLOC_FL_KEEP_SIZE : 0, offset, length));
}

int ca_lock(int descriptor) { return RETRYING(int, flock(descriptor, LOCK_EX | LOCK_NB)); }

int ca_set_undumpable(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ? -errno : 0; }

int ca_limit_arenas(int count) { return mallopt(M_ARENA_MAX, count) == 1 ? 0 : -EINVAL; }

const char *ca_error_description(int number) {
    const char *words = strerrordesc_np(number);
    return words != NULL ? words : "Unknown error";
}
