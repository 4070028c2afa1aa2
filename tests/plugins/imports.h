/* Functions that end the process or a thread, block it, or touch descriptors, signals and files that are not a plugin's:
 * all of them have to be refused at load. The names with __ are what _FORTIFY_SOURCE makes of the plain ones. */
#pragma once

/* clang-format off */
#define IMPORTS(X)                                                                                           \
    X(exit) X(_exit) X(_Exit) X(quick_exit) X(err) X(errx) X(verr) X(verrx) X(error) X(error_at_line)         \
    X(argp_usage) X(argp_error) X(argp_failure) X(pthread_exit) X(thrd_exit) X(daemon)                        \
    X(killpg) X(sigqueue) X(pthread_kill) X(sigwait) X(sigwaitinfo) X(sigtimedwait)                           \
    X(read) X(write) X(pread) X(pwrite) X(readv) X(writev) X(close) X(close_range) X(closefrom) X(dup) X(dup2) \
    X(dup3) X(fcntl) X(ioctl) X(pipe) X(pipe2) X(flock) X(lockf) X(shutdown)                                  \
    X(__read_chk) X(__pread_chk) X(__poll_chk) X(__ppoll_chk) X(__recv_chk) X(__recvfrom_chk) X(__open_2)     \
    X(__open64_2) X(__openat_2) X(__openat64_2)                                                               \
    X(tmpfile) X(mkstemp) X(mkdtemp) X(remove) X(link) X(symlink) X(truncate) X(chmod) X(chown) X(scandir)    \
    X(wordexp) X(syslog) X(openlog) X(vsyslog) X(sem_wait) X(sem_timedwait) X(shm_open) X(mq_receive)         \
    X(sleep) X(select) X(poll) X(connect) X(fork) X(system) X(dlopen) X(pthread_create)
/* clang-format on */
