/*
 * A disk that fails when it is told to: loaded into a program with LD_PRELOAD, it counts the writes and syncs of files
 * below one folder, writes a line for each into a file, and does something else at the n-th of them.
 *
 *   ALMANAC_FAULTS_BELOW  the folder, as an absolute path without links and without a slash at its end
 *   ALMANAC_FAULTS_TRACE  the file for the lines "number call path", with " hit" at the end where the fault came
 *   ALMANAC_FAULTS_KIND   what happens; see KINDS
 *   ALMANAC_FAULTS_AT     at which of the calls that the kind counts, from 1; 0 or nothing: at none
 *   ALMANAC_FAULTS_IDLE   "ranges": sync_file_range does nothing and reports success, as with a volatile cache;
 *                         "syncs": the others too, as with a disk that lies
 *
 * Linux with 64 bits. The calls go to the kernel directly, so that nothing here can call itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

_Static_assert(sizeof(long) == 8, "offsets are passed to the kernel as one word");

enum step { WRITE = 1, SYNC = 2 };
/* GO: nothing happens. FAIL: `errno` is set, and nothing was done. HALF: half of it is to be written. */
enum verdict { GO, FAIL, HALF, HALF_AND_FAIL };

static const struct kind {
    const char *name;
    int steps;   /* which calls it counts */
    int onwards; /* at every call from the n-th on */
    enum verdict verdict;
    int error;
    int signal; /* sent to the program itself */
} KINDS[] = {
    {"full", WRITE, 1, FAIL, ENOSPC, 0},
    {"no-space", WRITE, 0, FAIL, ENOSPC, 0},
    {"error", WRITE, 0, FAIL, EIO, 0},
    {"torn", WRITE, 0, HALF_AND_FAIL, EIO, 0},
    {"short", WRITE, 0, HALF, 0, 0},
    {"sync-error", SYNC, 0, FAIL, EIO, 0},
    {"sync-no-space", SYNC, 0, FAIL, ENOSPC, 0},
    {"kill", WRITE | SYNC, 0, GO, 0, SIGKILL},
    {"stop", WRITE | SYNC, 0, GO, 0, SIGSTOP},
    {"count", WRITE | SYNC, 0, GO, 0, 0},
};

static const char *below;
static size_t below_length;
static int trace = -1;
static int idle_ranges, idle_syncs;
static const struct kind *chosen;
static long at;
static atomic_long count;

__attribute__((constructor)) static void begin(void) {
    const char *kind = getenv("ALMANAC_FAULTS_KIND");
    const char *number = getenv("ALMANAC_FAULTS_AT");
    const char *file = getenv("ALMANAC_FAULTS_TRACE");
    const char *idle = getenv("ALMANAC_FAULTS_IDLE");
    idle_syncs = idle && strcmp(idle, "syncs") == 0;
    idle_ranges = idle_syncs || (idle && strcmp(idle, "ranges") == 0);
    for (size_t n = 0; kind && n < sizeof KINDS / sizeof *KINDS; n++)
        if (strcmp(kind, KINDS[n].name) == 0) chosen = &KINDS[n];
    at = number ? atol(number) : 0;
    if (file) trace = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    below = getenv("ALMANAC_FAULTS_BELOW");
    below_length = below ? strlen(below) : 0;
    if (kind && (!chosen || !below || trace < 0)) {
        static const char said[] = "faults: the environment is incomplete\n";
        syscall(SYS_write, 2, said, sizeof said - 1);
        _exit(99);
    }
}

static enum verdict meet(enum step step, const char *call, const char *path) {
    if (!chosen || !(chosen->steps & step)) return GO;
    if (strncmp(path, below, below_length) != 0 || path[below_length] != '/') return GO;
    long number = atomic_fetch_add(&count, 1) + 1;
    int hit = at > 0 && (chosen->onwards ? number >= at : number == at);
    char line[PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "%ld %s %s%s\n", number, call, path + below_length + 1, hit ? " hit" : "");
    syscall(SYS_write, trace, line, (size_t)length);
    if (!hit) return GO;
    if (chosen->signal) kill(getpid(), chosen->signal);
    errno = chosen->error;
    return chosen->verdict;
}

static enum verdict meet_open(enum step step, const char *call, int fd) {
    if (!chosen || !(chosen->steps & step)) return GO;
    char link[32], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    int before = errno;
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = before;
    if (length <= 0 || path[0] != '/') return GO; /* a socket or a pipe */
    path[length] = 0;
    return meet(step, call, path);
}

/* What a write does: `whole` and `half` are the calls that write all of it or half of it. */
#define WRITING(call, fd, whole, half)                                        \
    switch (meet_open(WRITE, call, fd)) {                                     \
    case FAIL: return -1;                                                     \
    case HALF: return (half);                                                 \
    case HALF_AND_FAIL: (void)!(half); errno = chosen->error; return -1;      \
    default: return (whole);                                                  \
    }

/* What has no half: it is done, or it fails. */
#define DOING(call, step, fd, whole)                                          \
    switch (meet_open(step, call, fd)) {                                      \
    case FAIL: case HALF_AND_FAIL: return -1;                                 \
    default: return (whole);                                                  \
    }

/* A write of one byte has no half: then it is written. */
static size_t half_of(size_t length) { return length > 1 ? length / 2 : length; }

ssize_t write(int fd, const void *from, size_t length) {
    WRITING("write", fd, syscall(SYS_write, fd, from, length), syscall(SYS_write, fd, from, half_of(length)))
}

ssize_t pwrite64(int fd, const void *from, size_t length, off64_t place) {
    WRITING("pwrite", fd, syscall(SYS_pwrite64, fd, from, length, place),
            syscall(SYS_pwrite64, fd, from, half_of(length), place))
}

ssize_t pwrite(int fd, const void *from, size_t length, off_t place) { return pwrite64(fd, from, length, place); }

ssize_t writev(int fd, const struct iovec *parts, int number) {
    WRITING("writev", fd, syscall(SYS_writev, fd, parts, (long)number),
            syscall(SYS_write, fd, parts->iov_base, half_of(parts->iov_len)))
}

ssize_t pwritev64(int fd, const struct iovec *parts, int number, off64_t place) {
    WRITING("pwritev", fd, syscall(SYS_pwritev, fd, parts, (long)number, place, 0L),
            syscall(SYS_pwrite64, fd, parts->iov_base, half_of(parts->iov_len), place))
}

ssize_t pwritev(int fd, const struct iovec *parts, int number, off_t place) {
    return pwritev64(fd, parts, number, place);
}

int ftruncate64(int fd, off64_t length) { DOING("ftruncate", WRITE, fd, (int)syscall(SYS_ftruncate, fd, length)) }

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

int fallocate64(int fd, int mode, off64_t from, off64_t length) {
    DOING("fallocate", WRITE, fd, (int)syscall(SYS_fallocate, fd, (long)mode, from, length))
}

int fallocate(int fd, int mode, off_t from, off_t length) { return fallocate64(fd, mode, from, length); }

int rename(const char *from, const char *to) {
    switch (meet(WRITE, "rename", to)) {
    case FAIL: case HALF_AND_FAIL: return -1;
    default: return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    }
}

int linkat(int from_folder, const char *from, int to_folder, const char *to, int flags) {
    switch (meet(WRITE, "linkat", to)) {
    case FAIL: case HALF_AND_FAIL: return -1;
    default: return (int)syscall(SYS_linkat, (long)from_folder, from, (long)to_folder, to, (long)flags);
    }
}

int fsync(int fd) {
    if (idle_syncs) return 0;
    DOING("fsync", SYNC, fd, (int)syscall(SYS_fsync, fd))
}

int fdatasync(int fd) {
    if (idle_syncs) return 0;
    DOING("fdatasync", SYNC, fd, (int)syscall(SYS_fdatasync, fd))
}

int sync_file_range(int fd, off64_t from, off64_t length, unsigned flags) {
    if (idle_ranges) return 0;
    DOING("sync_file_range", SYNC, fd, (int)syscall(SYS_sync_file_range, fd, from, length, (long)flags))
}
