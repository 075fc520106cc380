/* Two things that no safe Rust can do, for the trial of power cuts.
 *
 * As a program: `powercut FOLDER` shuts the ext4 file system of FOLDER down without
 * flushing its journal (EXT4_IOC_SHUTDOWN with NOLOGFLUSH), which is what a power cut
 * leaves on the disk.
 *
 * As a library (LD_PRELOAD): syncing a file named *-wal does nothing, which is what
 * SQLite does on a commit with `synchronous=NORMAL`. The trial must see that lose writes,
 * or it proves nothing; so production needs no switch for it.
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

static int is_wal(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path);
    return length > 4 && memcmp(path + length - 4, "-wal", 4) == 0;
}

static int forward(const char *name, int fd) {
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    return is_wal(fd) ? 0 : real(fd);
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
