/* SPDX-License-Identifier: Apache-2.0
 *
 * Instances of the program under a fault test.
 *
 * An ordinary pass: start, look, look, kill (ordered: the state says so before the signal goes), start. A failing pass:
 * an instance ends by itself; t_herd_look finds the process gone while the state says up, takes the end of its stderr
 * as last words and counts it, or counts a hit when it was armed with a crash point and died of SIGKILL.
 * Invariant: a process is freed (its log written) exactly when its instance becomes T_HERD_DOWN. Threads: one owner.
 */
#include "tests/lib/herd.h"

#include <errno.h>
#include <unistd.h>

#include "tests/lib/bridge.h"
#include "tests/lib/check.h"
#include "tests/lib/wait.h"

#define DIED_BY_KILL (128 + SIGKILL)
#define LEAVE_MS     30000

void t_herd_open(struct t_herd *herd, const char *command, char *config, int n)
{
    *herd = (struct t_herd){.command = command, .config = config, .n = n};
    T_CHECK(n <= T_HERD_MAX, "%d instances", n);
    snprintf(herd->folder, sizeof herd->folder, "/tmp/aqueduct-herd.XXXXXX");
    if (!mkdtemp(herd->folder)) T_FAIL("%s: %s", herd->folder, strerror(errno));
    for (int i = 0; i < n; i++) herd->list[i].crash = -1;
    char path[128];
    snprintf(path, sizeof path, "%s/aqueduct.conf", herd->folder);
    FILE *file = fopen(path, "w");
    if (!file || fputs(config, file) < 0 || fclose(file) != 0) T_FAIL("%s: %s", path, strerror(errno));
}

static void log_path(const struct t_herd *herd, int i, int life, char path[128])
{
    snprintf(path, 128, "%s/instance-%d-life-%d.log", herd->folder, i, life);
}

static void bury(struct t_herd *herd, int i)
{
    struct t_instance *one = &herd->list[i];
    char path[128];
    log_path(herd, i, one->starts, path);
    FILE *file = fopen(path, "w");
    if (file) {
        fprintf(file, "%s", t_stderr(one->process));
        fclose(file);
    }
    t_process_free(one->process);
    one->process = NULL;
    one->state = T_HERD_DOWN;
    one->crash = -1;
}

void t_herd_start(struct t_herd *herd, int i, int crash, int count)
{
    struct t_instance *one = &herd->list[i];
    T_CHECK(one->state == T_HERD_DOWN, "instance %d is not down", i);
    char *armed = crash >= 0 ? t_printf("AQUEDUCT_CRASH=%s:%d", aq_crash_names[crash], count) : NULL;
    char *state_dir = t_printf(T_HERD_STATE_DIR "=%s/state-%d", herd->folder, i);
    const char *env[] = {armed ? armed : "AQUEDUCT_CRASH", state_dir, NULL};
    one->process = t_program(herd->command, herd->config, env);
    one->state = T_HERD_UP;
    one->crash = crash;
    one->starts++;
    free(armed);
    free(state_dir);
}

void t_herd_kill(struct t_herd *herd, int i)
{
    if (herd->list[i].state == T_HERD_DOWN) return;
    t_signal(herd->list[i].process, SIGKILL);
    t_wait_exit(herd->list[i].process, 10000);
    bury(herd, i);
}

void t_herd_leave(struct t_herd *herd, int i)
{
    t_signal(herd->list[i].process, SIGTERM);
    herd->list[i].state = T_HERD_LEAVING;
    herd->list[i].leave_by = t_now_ms() + LEAVE_MS;
}

void t_herd_freeze(struct t_herd *herd, int i)
{
    t_signal(herd->list[i].process, SIGSTOP);
    herd->list[i].state = T_HERD_FROZEN;
}

void t_herd_thaw(struct t_herd *herd, int i)
{
    t_signal(herd->list[i].process, SIGCONT);
    herd->list[i].state = T_HERD_UP;
}

static void note_death(struct t_herd *herd, int i, int code)
{
    struct t_instance *one = &herd->list[i];
    if (one->crash >= 0 && code == DIED_BY_KILL) {
        herd->hits[one->crash]++;
        if (getenv("AQUEDUCT_TEST_VERBOSE"))
            fprintf(stderr, "instance %d died %s\n", i, aq_crash_names[one->crash]);
        return;
    }
    herd->unexpected++;
    const char *words = t_stderr(one->process);
    size_t length = strlen(words), shown = length > 1500 ? 1500 : length;
    snprintf(herd->last_words, sizeof herd->last_words,
             "instance %d (life %d, armed with %s) ended with %d:\n%s", i, one->starts,
             one->crash >= 0 ? aq_crash_names[one->crash] : "nothing", code, words + length - shown);
    fprintf(stderr, "%s\n", herd->last_words);
}

int t_herd_look(struct t_herd *herd)
{
    int alive = 0;
    for (int i = 0; i < herd->n; i++) {
        if (herd->list[i].state == T_HERD_DOWN) continue;
        bool leaving = herd->list[i].state == T_HERD_LEAVING;
        if (t_running(herd->list[i].process) && (!leaving || t_now_ms() < herd->list[i].leave_by)) {
            alive++;
            continue;
        }
        int code = t_wait_exit(herd->list[i].process, 0);
        /* SIGTERM before it had set up anything: it ends as every program does. */
        bool unborn = leaving && code == 128 + SIGTERM && *t_stderr(herd->list[i].process) == '\0';
        if (!unborn && (!leaving || code != 0)) note_death(herd, i, code);
        bury(herd, i);
    }
    return alive;
}

bool t_herd_stop(struct t_herd *herd, int64_t timeout_ms)
{
    int before = herd->unexpected;
    t_herd_look(herd);
    for (int i = 0; i < herd->n; i++) {
        if (herd->list[i].state == T_HERD_FROZEN) t_herd_thaw(herd, i);
        if (herd->list[i].state == T_HERD_UP) t_signal(herd->list[i].process, SIGTERM);
    }
    int64_t deadline = t_now_ms() + timeout_ms;
    for (int i = 0; i < herd->n; i++) {
        if (herd->list[i].state == T_HERD_DOWN) continue;
        int64_t left = deadline - t_now_ms();
        int code = t_wait_exit(herd->list[i].process, left > 0 ? left : 0);
        if (code != 0) note_death(herd, i, code);
        bury(herd, i);
    }
    return herd->unexpected == before;
}

void t_herd_close(struct t_herd *herd, bool keep_logs)
{
    char path[128];
    for (int i = 0; i < herd->n; i++) {
        t_herd_kill(herd, i);
        for (int life = 1; life <= herd->list[i].starts && !keep_logs; life++) {
            log_path(herd, i, life, path);
            unlink(path);
        }
    }
    if (keep_logs) {
        fprintf(stderr, "logs of the instances: %s\n", herd->folder);
    } else {
        snprintf(path, sizeof path, "%s/aqueduct.conf", herd->folder);
        unlink(path);
        t_remove_folder(herd->folder);
    }
    free(herd->config);
    herd->config = NULL;
}
