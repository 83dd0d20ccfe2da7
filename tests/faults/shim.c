/* Counts the file operations of a process below one folder; at the k-th one it kills it, sends it a signal, or fails.

   Preloaded (LD_PRELOAD) into a process that forks one child a try; the child calls fault_arm. An operation is an open
   for writing, a write, a truncation, a rename, a removal, a new folder or a flush to the disk. A killed write has
   written half of its bytes. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static char root[PATH_MAX];
static volatile long count, at;
static int fault;  /* 0: kill at the operation; n: it and all later ones fail with error n; -n: signal n, -100 - n: twice */

void fault_arm(const char *folder, long k, int error) {
    strncpy(root, folder, sizeof root - 1);
    count = 0, at = k, fault = error;
}

long fault_count(void) { return count; }

#define REAL(name) static __typeof__(name) *real; if (!real) real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)

static int below(const char *path) { return root[0] && strncmp(path, root, strlen(root)) == 0; }

static int is_ours(int folder, const char *path) {
    char whole[2 * PATH_MAX], link[64];
    if (!root[0] || !path) return 0;
    if (path[0] == '/') return below(path);
    snprintf(link, sizeof link, folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", folder);
    ssize_t n = readlink(link, whole, PATH_MAX - 1);
    if (n < 0) return 0;
    snprintf(whole + n, PATH_MAX, "/%s", path);
    return below(whole);
}

static int is_our_file(int file) { return root[0] && is_ours(file, "."); }

/* Return whether the operation is to fail, with errno set; killed is called before the process ends. */
static int step(void) {
    long now = __sync_add_and_fetch(&count, 1);
    if (!at || now < at) return 0;
    if (!fault) kill(getpid(), SIGKILL);
    if (fault < 0) {
        int times = fault < -100 ? 2 : 1;
        if (now < at + times) kill(getpid(), -fault % 100);
        return 0;
    }
    errno = fault;
    return 1;
}

static int is_next(void) { return at && !fault && count + 1 == at; }

#define OPEN(name) \
    int name(const char *path, int flags, ...) { \
        REAL(name); va_list more; va_start(more, flags); mode_t mode = va_arg(more, mode_t); va_end(more); \
        if ((flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) && is_ours(AT_FDCWD, path) && step()) return -1; \
        return real(path, flags, mode); }
OPEN(open) OPEN(open64)
#define OPENAT(name) \
    int name(int folder, const char *path, int flags, ...) { \
        REAL(name); va_list more; va_start(more, flags); mode_t mode = va_arg(more, mode_t); va_end(more); \
        if ((flags & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC)) && is_ours(folder, path) && step()) return -1; \
        return real(folder, path, flags, mode); }
OPENAT(openat) OPENAT(openat64)
#define FOPEN(name) \
    FILE *name(const char *path, const char *mode) { \
        REAL(name); \
        if (strpbrk(mode, "wa+") && is_ours(AT_FDCWD, path) && step()) return NULL; \
        return real(path, mode); }
FOPEN(fopen) FOPEN(fopen64)

ssize_t write(int file, const void *data, size_t size) {
    REAL(write);
    if (is_our_file(file)) { if (is_next()) real(file, data, size / 2); if (step()) return -1; }
    return real(file, data, size);
}
#define PWRITE(name, offset_type) \
    ssize_t name(int file, const void *data, size_t size, offset_type offset) { \
        REAL(name); \
        if (is_our_file(file)) { if (is_next()) real(file, data, size / 2, offset); if (step()) return -1; } \
        return real(file, data, size, offset); }
PWRITE(pwrite, off_t) PWRITE(pwrite64, off64_t)
ssize_t writev(int file, const struct iovec *parts, int n) {
    REAL(writev);
    return is_our_file(file) && step() ? -1 : real(file, parts, n);
}
size_t fwrite(const void *data, size_t size, size_t n, FILE *file) {
    REAL(fwrite);
    if (is_our_file(fileno(file))) {
        if (is_next()) { real(data, size, n / 2, file); fflush(file); }
        if (step()) return 0;
    }
    return real(data, size, n, file);
}
#define SIMPLE(type, name, parameters, ours, arguments) \
    type name parameters { REAL(name); return (ours) && step() ? -1 : real arguments; }
SIMPLE(ssize_t, sendfile, (int out, int in, off_t *offset, size_t size), is_our_file(out), (out, in, offset, size))
SIMPLE(ssize_t, sendfile64, (int out, int in, off64_t *offset, size_t size), is_our_file(out), (out, in, offset, size))
SIMPLE(ssize_t, copy_file_range, (int in, off64_t *from, int out, off64_t *to, size_t size, unsigned flags), is_our_file(out), (in, from, out, to, size, flags))
SIMPLE(int, ftruncate, (int file, off_t size), is_our_file(file), (file, size))
SIMPLE(int, ftruncate64, (int file, off64_t size), is_our_file(file), (file, size))
SIMPLE(int, fsync, (int file), is_our_file(file), (file))
SIMPLE(int, fdatasync, (int file), is_our_file(file), (file))
SIMPLE(int, rename, (const char *old, const char *new), is_ours(AT_FDCWD, new), (old, new))
SIMPLE(int, renameat, (int from, const char *old, int to, const char *new), is_ours(to, new), (from, old, to, new))
SIMPLE(int, renameat2, (int from, const char *old, int to, const char *new, unsigned flags), is_ours(to, new), (from, old, to, new, flags))
SIMPLE(int, link, (const char *old, const char *new), is_ours(AT_FDCWD, new), (old, new))
SIMPLE(int, symlink, (const char *old, const char *new), is_ours(AT_FDCWD, new), (old, new))
SIMPLE(int, unlink, (const char *path), is_ours(AT_FDCWD, path), (path))
SIMPLE(int, unlinkat, (int folder, const char *path, int flags), is_ours(folder, path), (folder, path, flags))
SIMPLE(int, rmdir, (const char *path), is_ours(AT_FDCWD, path), (path))
SIMPLE(int, mkdir, (const char *path, mode_t mode), is_ours(AT_FDCWD, path), (path, mode))
SIMPLE(int, mkdirat, (int folder, const char *path, mode_t mode), is_ours(folder, path), (folder, path, mode))
