/* SPDX-License-Identifier: Apache-2.0
 *
 * Child processes of tests.
 *
 * An ordinary pass: t_start forks, points stdout and stderr at two unlinked temporary files, execs; t_wait_exit asks
 * waitid(WNOHANG) until the deadline; t_process_free closes. A failing pass: exec fails, the child writes errno
 * through a close-on-exec pipe, and t_start fails the test with it. Invariant: a process is waited for once, and no
 * signal is sent after that, so that a recycled pid is never hit. Threads: one owner per process.
 */
#include "tests/lib/process.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/lib/check.h"
#include "tests/lib/wait.h"

struct t_process {
    pid_t pid;
    bool ended;
    int code;
    struct rusage usage;
    int files[2];
    char *texts[2];
    char name[64];
};

static int scratch_file(void)
{
    char path[] = "/tmp/aqueduct-test.XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0) T_FAIL("no temporary file: %s", strerror(errno));
    unlink(path);
    return fd;
}

static void apply_env(const char *const *env)
{
    for (; env && *env; env++) {
        const char *equals = strchr(*env, '=');
        if (!equals) {
            unsetenv(*env);
            continue;
        }
        char *name = strndup(*env, (size_t)(equals - *env));
        if (!name || setenv(name, equals + 1, 1) != 0) _exit(126);
        free(name);
    }
}

/* In the child: nothing returns from here. */
_Noreturn static void become(const struct t_process *process, const char *const *argv, const char *const *env,
                             pid_t parent, int report)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(126);
    int null = open("/dev/null", O_RDONLY);
    if (null >= 0) dup2(null, STDIN_FILENO);
    dup2(process->files[0], STDOUT_FILENO);
    dup2(process->files[1], STDERR_FILENO);
    apply_env(env);
    execvp(argv[0], (char *const *)argv);
    int error = errno;
    (void)!write(report, &error, sizeof error);
    _exit(127);
}

struct t_process *t_start(const char *const *argv, const char *const *env)
{
    struct t_process *process = t_alloc(sizeof *process);
    const char *slash = strrchr(argv[0], '/');
    snprintf(process->name, sizeof process->name, "%s", slash ? slash + 1 : argv[0]);
    for (int i = 0; i < 2; i++) process->files[i] = scratch_file();
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) T_FAIL("pipe: %s", strerror(errno));
    fflush(NULL);
    pid_t parent = getpid();
    process->pid = fork();
    if (process->pid < 0) T_FAIL("fork: %s", strerror(errno));
    if (process->pid == 0) become(process, argv, env, parent, report[1]);
    close(report[1]);
    int error = 0;
    ssize_t got;
    while ((got = read(report[0], &error, sizeof error)) < 0 && errno == EINTR) continue;
    close(report[0]);
    if (got > 0) {
        waitpid(process->pid, NULL, 0);
        T_FAIL("cannot start %s: %s", argv[0], strerror(error));
    }
    return process;
}

pid_t t_pid(const struct t_process *process)
{
    return process->pid;
}

bool t_running(struct t_process *process)
{
    if (process->ended) return false;
    int status;
    pid_t got;
    while ((got = wait4(process->pid, &status, WNOHANG, &process->usage)) < 0 && errno == EINTR) continue;
    if (got == 0) return true;
    process->ended = true;
    process->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return false;
}

void t_signal(struct t_process *process, int signal)
{
    if (t_running(process)) kill(process->pid, signal);
}

int t_wait_exit(struct t_process *process, int64_t timeout_ms)
{
    int64_t deadline = t_now_ms() + timeout_ms;
    while (t_running(process)) {
        if (t_now_ms() >= deadline) return T_STILL_RUNNING;
        t_sleep_ms(5);
    }
    return process->code;
}

static const char *text_of(struct t_process *process, int which)
{
    struct stat st;
    if (fstat(process->files[which], &st) != 0) T_FAIL("fstat: %s", strerror(errno));
    size_t size = (size_t)st.st_size, have = 0;
    char *text = t_alloc(size + 1);
    while (have < size) {
        ssize_t got = pread(process->files[which], text + have, size - have, (off_t)have);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        have += (size_t)got;
    }
    text[have] = '\0';
    free(process->texts[which]);
    process->texts[which] = text;
    return text;
}

const char *t_stdout(struct t_process *process)
{
    return text_of(process, 0);
}

const char *t_stderr(struct t_process *process)
{
    return text_of(process, 1);
}

bool t_stderr_has(struct t_process *process, const char *text)
{
    return strstr(t_stderr(process), text) != NULL;
}

static double seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

double t_cpu_seconds(const struct t_process *process)
{
    return seconds(process->usage.ru_utime) + seconds(process->usage.ru_stime);
}

double t_cpu_so_far(const struct t_process *process)
{
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)process->pid);
    FILE *file = fopen(path, "r");
    if (!file) return -1;
    size_t size = fread(line, 1, sizeof line - 1, file);
    fclose(file);
    line[size] = '\0';
    unsigned long user = 0, system = 0;
    const char *after = strrchr(line, ')');
    /* Fields 3 to 13 are passed over; 14 and 15 are utime and stime. */
    if (!after ||
        sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
        return -1;
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

long t_peak_kb(const struct t_process *process)
{
    return process->usage.ru_maxrss;
}

void t_process_free(struct t_process *process)
{
    if (!process) return;
    t_signal(process, SIGKILL);
    if (t_wait_exit(process, 10000) == T_STILL_RUNNING)
        fprintf(stderr, "%s (%d) does not die\n", process->name, (int)process->pid);
    for (int i = 0; i < 2; i++) {
        close(process->files[i]);
        free(process->texts[i]);
    }
    free(process);
}

int t_run(const char *const *argv, int64_t timeout_ms, char **ret_out)
{
    struct t_process *process = t_start(argv, NULL);
    int code = t_wait_exit(process, timeout_ms);
    if (code != 0) fprintf(stderr, "%s: exit %d\n%s%s", argv[0], code, t_stdout(process), t_stderr(process));
    if (ret_out) *ret_out = t_printf("%s", t_stdout(process));
    t_process_free(process);
    return code;
}

const char *t_tool(const char *name)
{
    static char path[PATH_MAX];
    const char *folder = getenv("AQUEDUCT_TOOLS");
    if (folder) {
        snprintf(path, sizeof path, "%s/%s", folder, name);
        return path;
    }
    char self[PATH_MAX - 64] = "";
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    if (length <= 0) T_FAIL("/proc/self/exe: %s", strerror(errno));
    snprintf(path, sizeof path, "%s/%s", dirname(self), name);
    return path;
}
