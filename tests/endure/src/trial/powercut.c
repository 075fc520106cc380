/* Two things that no safe Rust can do, for the trial of power cuts.
 *
 * As a program: `powercut FOLDER` shuts the ext4 file system of FOLDER down without
 * flushing its journal (EXT4_IOC_SHUTDOWN with NOLOGFLUSH), which is what a power cut
 * leaves on the disk.
 *
 * As a library (LD_PRELOAD): syncing a file named *-wal does nothing until the database
 * itself is written to, which is what SQLite does with `synchronous=NORMAL`: no sync on a
 * commit, one before a checkpoint. The trial must see that lose writes, or it proves
 * nothing; so production needs no switch for it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifdef NOSYNC

/* The log whose sync was left out; one writer has one log. */
static volatile int unsynced = -1;

static int ends_with(int fd, const char *end) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path), wanted = strlen(end);
    return length > wanted && memcmp(path + length - wanted, end, wanted) == 0;
}

static int forward(const char *name, int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    if (ends_with(fd, "-wal")) {
        unsynced = fd;
        return 0;
    }
    return real(fd);
}

static void before_writing(int fd) {
    int log = unsynced;
    if (log >= 0 && ends_with(fd, ".db")) {
        unsynced = -1;
        ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(log);
    }
}

ssize_t write(int fd, const void *bytes, size_t count) {
    before_writing(fd);
    return ((ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write"))(fd, bytes, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    before_writing(fd);
    typedef ssize_t (*call)(int, const void *, size_t, off64_t);
    return ((call)dlsym(RTLD_NEXT, "pwrite64"))(fd, bytes, count, at);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    return pwrite64(fd, bytes, count, at);
}

int fsync(int fd) { return forward("fsync", fd); }
int fdatasync(int fd) { return forward("fdatasync", fd); }

#else

#define EXT4_IOC_SHUTDOWN _IOR('X', 125, uint32_t)
#define NOLOGFLUSH 2

int main(int count, char **arguments) {
    uint32_t how = NOLOGFLUSH;
    int folder = count == 2 ? open(arguments[1], O_RDONLY) : -1;
    if (folder < 0 || ioctl(folder, EXT4_IOC_SHUTDOWN, &how) != 0) {
        perror("powercut");
        return 1;
    }
    return 0;
}

#endif
