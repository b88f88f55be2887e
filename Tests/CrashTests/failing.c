// Loaded into a daemon before libc: the n-th file operation below one directory fails, or is never come to. Everything
// is caught that goes through libc, SQLite's own writes included; no disk has to be broken for it.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { op_write, op_fsync, op_open, op_rename, op_unlink, op_truncate };

// Shared with the test, which writes the file that it lies in.
struct plan {
  _Atomic int operations;  // bits by operation; 0 is off
  _Atomic int left;        // the operation at which this is 1 fails
  _Atomic int error;       // an errno, or 0: the process ends by SIGKILL before the operation
  _Atomic int is_lasting;  // whether all that follow fail too
  _Atomic int struck;      // how often an operation has failed
  _Atomic int seen;        // how many were counted while on
};

static struct plan *plan;
static char below[4096];

__attribute__((constructor)) static void begin(void) {
  const char *file = getenv("FAILING_PLAN"), *directory = getenv("FAILING_BELOW");
  if (!file || !directory) return;
  int fd = open(file, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  snprintf(below, sizeof below, "%s", directory);
  void *memory = mmap(NULL, sizeof(struct plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (memory != MAP_FAILED) plan = memory;
}

static int is_below(int fd, const char *path) {
  char link[64], target[4096];
  if (!path) {
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t count = readlink(link, target, sizeof target - 1);
    if (count <= 0) return 0;
    target[count] = 0;
    path = target;
  }
  return strncmp(path, below, strlen(below)) == 0;
}

// The errno to fail with, or 0.
static int strike(int operation, int fd, const char *path) {
  if (!plan || !(plan->operations & 1 << operation)) return 0;
  int before = errno;
  int is_ours = is_below(fd, path);
  errno = before;
  if (!is_ours) return 0;
  atomic_fetch_add(&plan->seen, 1);
  int left = atomic_fetch_sub(&plan->left, 1);
  if (left > 1 || (left < 1 && !plan->is_lasting)) return 0;
  atomic_fetch_add(&plan->struck, 1);
  int error = plan->error;
  if (error) return error;
  kill(getpid(), SIGKILL);
  for (;;) pause();
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define FAIL(operation, fd, path)               \
  do {                                          \
    int error = strike(operation, fd, path);    \
    if (error) { errno = error; return -1; }    \
  } while (0)

ssize_t write(int fd, const void *bytes, size_t count) {
  FAIL(op_write, fd, NULL);
  return NEXT(write)(fd, bytes, count);
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
  FAIL(op_write, fd, NULL);
  return NEXT(pwrite)(fd, bytes, count, offset);
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
  FAIL(op_write, fd, NULL);
  return NEXT(pwrite64)(fd, bytes, count, offset);
}
int fsync(int fd) {
  FAIL(op_fsync, fd, NULL);
  return NEXT(fsync)(fd);
}
int fdatasync(int fd) {
  FAIL(op_fsync, fd, NULL);
  return NEXT(fdatasync)(fd);
}
int rename(const char *from, const char *to) {
  FAIL(op_rename, -1, to);
  return NEXT(rename)(from, to);
}
int unlink(const char *path) {
  FAIL(op_unlink, -1, path);
  return NEXT(unlink)(path);
}
int ftruncate(int fd, off_t length) {
  FAIL(op_truncate, fd, NULL);
  return NEXT(ftruncate)(fd, length);
}
int ftruncate64(int fd, off64_t length) {
  FAIL(op_truncate, fd, NULL);
  return NEXT(ftruncate64)(fd, length);
}
int open(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  FAIL(op_open, -1, path);
  return NEXT(open)(path, flags, mode);
}
int open64(const char *path, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  FAIL(op_open, -1, path);
  return NEXT(open64)(path, flags, mode);
}
