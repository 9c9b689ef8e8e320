/* Keeps what of the journal a power cut would leave: at each flush, the flushed file's content is copied to $SYNCED.

   Built as a library and given to the engine by LD_PRELOAD. The copy is made before the flush and shown after it, so
   that $SYNCED never holds what the device had not been asked for. It is read through the flushed handle itself: to
   close another handle of the file would give back SQLite's locks. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

/* The name below $SYNCED for a journal's file or its log; 0 for any other file. */
static int name_of(int fd, char *name, size_t size) {
    char link[64], path[4096];
    const char *folder = getenv("SYNCED");
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (folder == NULL || length <= 0) return 0;
    path[length] = 0;
    const char *base = strrchr(path, '/');
    if (base == NULL || (strcmp(base, "/live.sqlite") != 0 && strcmp(base, "/live.sqlite-wal") != 0)) return 0;
    return snprintf(name, size, "%s%s", folder, base) < (int)size;
}

static void copy(int fd, const char *name) {
    static char piece[1 << 16];
    int out = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (out < 0) abort();
    off_t at = 0;
    ssize_t length;
    while ((length = pread(fd, piece, sizeof piece, at)) > 0) {
        if (write(out, piece, length) != length) abort();
        at += length;
    }
    if (length < 0 || close(out) != 0) abort();
}

static int flushed(int fd, const char *call) {
    int (*flush)(int) = (int (*)(int))dlsym(RTLD_NEXT, call);
    char name[4096], part[4104];
    if (!name_of(fd, name, sizeof name)) return flush(fd);
    pthread_mutex_lock(&one_at_a_time);
    snprintf(part, sizeof part, "%s.part", name);
    copy(fd, part);
    int answer = flush(fd), error = errno;
    if (answer == 0 && rename(part, name) != 0) abort();
    pthread_mutex_unlock(&one_at_a_time);
    errno = error;
    return answer;
}

int fsync(int fd) { return flushed(fd, "fsync"); }

int fdatasync(int fd) { return flushed(fd, "fdatasync"); }
