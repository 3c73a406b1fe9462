/*
 * Makes the Nth call of a name in each thread be asked for fewer bytes than the program meant, as a kernel may move
 * fewer than it was asked for: the call takes place, and its count is a true one. strace can't: it leaves the call out.
 *
 *   short_counts LOG NAME NUMBER WHERE -p PID          until SIGINT; "attached" on stderr once it follows
 *   short_counts LOG NAME NUMBER WHERE PROGRAM ARG...  ends as the program does
 *
 * WHERE is folders, and ports as :9031, with commas: only calls on a file below them, or a connection from or to them,
 * are counted. A line for each call that moved less, as strace writes them.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef __x86_64__
#error "knows the registers of x86_64 only"
#endif

/* Calls whose first argument is the descriptor, and which argument is the count. */
static const struct name { const char *name; long nr; int count; } NAMES[] = {
    {"pread64", SYS_pread64, 2},   {"pwrite64", SYS_pwrite64, 2}, {"sendto", SYS_sendto, 2},
    {"recvfrom", SYS_recvfrom, 2}, {"copy_file_range", SYS_copy_file_range, 4},
};
/* Asked for instead: less than any block, and odd. */
#define LESS 7

static struct thread { pid_t tid; int calls; unsigned long long meant, asked, fd; char what[300]; } threads[4096];
static const struct name *wanted;
static int number, log_file;
static char *where;
static pid_t root;

static struct thread *of(pid_t tid) {
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        if (threads[i].tid == 0) threads[i].tid = tid;
        if (threads[i].tid == tid) return &threads[i];
    }
    fprintf(stderr, "short_counts: too many threads\n");
    exit(125);
}

static int port_of(int fd, int (*get)(int, struct sockaddr *, socklen_t *)) {
    struct sockaddr_in6 address;
    socklen_t size = sizeof address;
    if (get(fd, (struct sockaddr *)&address, &size) != 0) return -1;
    /* The port is at the same place in IPv4's. */
    return address.sin6_family == AF_INET || address.sin6_family == AF_INET6 ? ntohs(address.sin6_port) : -1;
}

/* Whether the descriptor is counted, and what it is. */
static int is_there(unsigned long long fd, char *what, size_t size) {
    char link[64], path[4096] = "", all[4096];
    snprintf(link, sizeof link, "/proc/%d/fd/%llu", root, fd);
    if (readlink(link, path, sizeof path - 1) < 0) return 0;
    int near = -1, far = -1;
    if (strncmp(path, "socket:", 7) == 0) {
        int process = syscall(SYS_pidfd_open, root, 0);
        int copy = syscall(SYS_pidfd_getfd, process, (int)fd, 0);
        near = port_of(copy, getsockname), far = port_of(copy, getpeername);
        close(copy), close(process);
    }
    if (near < 0) snprintf(what, size, "%s", path);
    else snprintf(what, size, "TCP::%d->:%d", near, far);
    snprintf(all, sizeof all, "%s", where);
    for (char *one = strtok(all, ","); one; one = strtok(NULL, ",")) {
        if (*one == ':' ? atoi(one + 1) == near || atoi(one + 1) == far : strncmp(path, one, strlen(one)) == 0) return 1;
    }
    return 0;
}

static void ask(pid_t tid, unsigned long long count) {
    struct user_regs_struct regs;
    ptrace(PTRACE_GETREGS, tid, 0, &regs);
    if (wanted->count == 2) regs.rdx = count; else regs.r8 = count;
    ptrace(PTRACE_SETREGS, tid, 0, &regs);
}

static void at_call(pid_t tid) {
    struct __ptrace_syscall_info info;
    struct thread *thread = of(tid);
    if (ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof info, &info) <= 0) return;
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY && info.entry.nr == (unsigned long long)wanted->nr) {
        unsigned long long meant = info.entry.args[wanted->count];
        if (meant < 2 || !is_there(info.entry.args[0], thread->what, sizeof thread->what) || ++thread->calls != number) return;
        thread->fd = info.entry.args[0], thread->meant = meant;
        thread->asked = meant / 2 < LESS ? meant / 2 : LESS;
        ask(tid, thread->asked);
    } else if (info.op == PTRACE_SYSCALL_INFO_EXIT && thread->meant != 0) {
        /* A compiler relies on it that a call leaves its arguments alone. */
        ask(tid, thread->meant);
        if (info.exit.rval == (long long)thread->asked) {
            dprintf(log_file, "%d %s(%llu<%s>, %llu of %llu) = %lld (INJECTED)\n", tid, wanted->name, thread->fd, thread->what,
                    thread->asked, thread->meant, (long long)info.exit.rval);
        } else {
            /* What had less to move anyway is no case: the next call is. */
            thread->calls--;
        }
        thread->meant = 0;
    }
}

static void follow(pid_t tid, long options) {
    options |= PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC;
    if (ptrace(PTRACE_SEIZE, tid, 0, options) == 0) ptrace(PTRACE_INTERRUPT, tid, 0, 0);
}

/* Every thread, until there is no new one. */
static void follow_all(pid_t pid) {
    char folder[64];
    snprintf(folder, sizeof folder, "/proc/%d/task", pid);
    for (int found = 1; found;) {
        DIR *list = opendir(folder);
        if (!list) exit(125);
        found = 0;
        for (struct dirent *entry; (entry = readdir(list));) {
            pid_t tid = atoi(entry->d_name);
            struct thread *thread = tid ? of(tid) : NULL;
            if (!thread || thread->asked) continue;
            thread->asked = found = 1;
            follow(tid, 0);
        }
        closedir(list);
    }
}

/* Whoever is followed goes on when its tracer ends. */
static void leave(int signal) { (void)signal; _exit(0); }

int main(int count, char **words) {
    if (count < 7) return 125;
    log_file = open(words[1], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    number = atoi(words[3]), where = words[4];
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) if (strcmp(NAMES[i].name, words[2]) == 0) wanted = &NAMES[i];
    if (!wanted || log_file < 0) return 125;
    int attach = strcmp(words[5], "-p") == 0, go[2];
    if (attach) {
        signal(SIGINT, leave);
        follow_all(root = atoi(words[6]));
        fprintf(stderr, "attached\n");
    } else {
        if (pipe2(go, O_CLOEXEC) != 0) return 125;
        root = fork();
        if (root == 0) {
            char byte;
            close(go[1]);
            if (read(go[0], &byte, 1) == 1) execvp(words[5], words + 5);
            _exit(127);
        }
        follow(root, PTRACE_O_EXITKILL);
        if (write(go[1], "x", 1) != 1) return 125;
    }
    for (int status, ended = 0;;) {
        pid_t tid = waitpid(-1, &status, __WALL);
        if (tid < 0) return errno == ECHILD ? ended : 125;
        if (WIFEXITED(status) && tid == root) ended = WEXITSTATUS(status);
        if (WIFSIGNALED(status) && tid == root) ended = 128 + WTERMSIG(status);
        if (!WIFSTOPPED(status)) continue;
        int signal = WSTOPSIG(status);
        if (signal == (SIGTRAP | 0x80)) at_call(tid), signal = 0;
        else if (status >> 16) signal = 0;
        ptrace(PTRACE_SYSCALL, tid, 0, signal);
    }
}
