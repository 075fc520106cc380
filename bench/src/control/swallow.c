/* Loaded before the C library by the negative control: nothing is ever made durable. */
int fsync(int fd) { (void)fd; return 0; }
int fdatasync(int fd) { (void)fd; return 0; }
