/* SPDX-License-Identifier: Apache-2.0
 *
 * From argv to a command's run(): common options may stand before the command or after it, a command's own
 * after it.
 *
 * An ordinary pass: the first getopt_long() run takes the common options up to the first plain word; that
 * word names the command; the second run takes common and own options, in any order with the arguments. Every
 * use is kept in order, and commands ask for values by name. The log is set up, then run() is called.
 * A failing one: an unknown word or option ends in one or two lines on stderr and exit code 64.
 *
 * Threads: the main thread, before any other exists.
 */
#include "cli/command.h"

#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "base/assert.h"
#include "base/crash.h"
#include "base/mem.h"
#include "cli/exit.h"
#include "cli/help.h"

#define X(name) extern const struct cli_command cli_command_##name;
#include "cli/commands.def"
#undef X

const struct cli_command *const cli_commands[] = {
#define X(name) &cli_command_##name,
#include "cli/commands.def"
#undef X
};
const size_t cli_command_count = sizeof(cli_commands) / sizeof(cli_commands[0]);

const struct cli_option cli_common_options[] = {
    {"config", 'c', "FILE", "The configuration file; @include lines in it resolve beside it."},
    {"set", 's', "PATH=VALUE",
     "Overrides one setting of the file, such as routes.orders.workers=2. May be repeated; the last wins."},
    {"log-level", 0, "LEVEL", "Least level to log: debug, info (default), warn or error."},
    {"log-format", 0, "FORMAT", "logfmt (default) or json, one line each on stderr."},
    {"quiet", 'q', NULL, "No progress line and no summary, and the log starts at warn."},
    {"help", 'h', NULL, "Shows the command's help."},
    {.name = NULL},
};

const struct cli_command *cli_find_command(const char *name)
{
    for (size_t i = 0; i < cli_command_count; i++) {
        if (strcmp(cli_commands[i]->name, name) == 0) return cli_commands[i];
    }
    return NULL;
}

const char *cli_value(const struct cli_call *call, const char *option)
{
    for (size_t i = call->n_uses; i > 0; i--) {
        const struct cli_use *use = &call->uses[i - 1];
        if (strcmp(use->option->name, option) == 0) return use->value ? use->value : "";
    }
    return NULL;
}

bool cli_has(const struct cli_call *call, const char *option)
{
    return cli_value(call, option) != NULL;
}

int cli_usage_error(const struct cli_call *call, const char *format, ...)
{
    const char *name = call && call->command ? call->command->name : NULL;
    fprintf(stderr, "aqueduct%s%s: ", name ? " " : "", name ? name : "");
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n");
    if (name)
        fprintf(stderr, "usage: aqueduct %s %s\n`aqueduct help %s` tells more.\n", name, call->command->usage,
                name);
    else
        fprintf(stderr,
                "usage: aqueduct [OPTION]... COMMAND [ARGUMENT]...\n`aqueduct help` lists the commands.\n");
    return CLI_USAGE;
}

/* ---- options ------------------------------------------------------------------------------------------- */

#define MAX_OPTIONS 32

/* The rows of one getopt_long() run: long_rows[i] belongs to rows[i]; val is the index, shifted away from
 * letters. */
struct option_set {
    const struct cli_option *rows[MAX_OPTIONS];
    struct option long_rows[MAX_OPTIONS + 1];
    char letters[2 * MAX_OPTIONS + 4];
    int count;
};

#define LONG_BASE 1000

static void add_options(struct option_set *set, const struct cli_option *options)
{
    for (const struct cli_option *o = options; o && o->name; o++) {
        AQ_ASSERT(set->count < MAX_OPTIONS);
        set->rows[set->count] = o;
        set->long_rows[set->count] = (struct option){.name = o->name,
                                                     .has_arg = o->argument ? required_argument : no_argument,
                                                     .val = LONG_BASE + set->count};
        set->count++;
        if (!o->letter) continue;
        size_t len = strlen(set->letters);
        set->letters[len] = o->letter;
        if (o->argument) set->letters[len + 1] = ':';
    }
}

static const struct cli_option *option_of(const struct option_set *set, int value)
{
    if (value >= LONG_BASE) return set->rows[value - LONG_BASE];
    for (int i = 0; i < set->count; i++) {
        if (set->rows[i]->letter == value) return set->rows[i];
    }
    return NULL;
}

static const char *nearest_option(const struct option_set *set, const char *word)
{
    const char *names[MAX_OPTIONS];
    for (int i = 0; i < set->count; i++) names[i] = set->rows[i]->name;
    char name[64];
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(word, "="), word);
    return conf_did_you_mean(name, names, (size_t)set->count);
}

static int bad_option(const struct cli_call *call, const struct option_set *set, int argc, char **argv,
                      int kind)
{
    const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : "";
    if (kind == ':') return cli_usage_error(call, "option '%s' needs a value", word);
    if (strncmp(word, "--", 2) != 0) return cli_usage_error(call, "unknown option '-%c'", optopt);
    /* getopt sets optopt for a known flag that was given a value. */
    if (optopt) return cli_usage_error(call, "option '%.*s' takes no value", (int)strcspn(word, "="), word);
    const char *near = nearest_option(set, word + 2);
    if (near) return cli_usage_error(call, "unknown option '%s'; did you mean '--%s'?", word, near);
    return cli_usage_error(call, "unknown option '%s'", word);
}

/* Collects uses until the arguments end (stop_at_word: at the first plain word). optind tells how far it
 * came. */
static int take_options(struct cli_call *call, const struct option_set *set, int argc, char **argv,
                        bool stop_at_word)
{
    char letters[sizeof(set->letters) + 2];
    snprintf(letters, sizeof(letters), "%s:%s", stop_at_word ? "+" : "", set->letters);
    opterr = 0;
    optind = 0; /* GNU getopt: start over, read the leading characters again */
    for (;;) {
        optopt = 0;
        int value = getopt_long(argc, argv, letters, set->long_rows, NULL);
        if (value < 0) return CLI_OK;
        if (value == '?' || value == ':') return bad_option(call, set, argc, argv, value);
        const struct cli_option *option = option_of(set, value);
        AQ_ASSERT(option);
        call->uses = aq_realloc(call->uses, (call->n_uses + 1) * sizeof(*call->uses));
        call->uses[call->n_uses++] = (struct cli_use){option, option->argument ? optarg : NULL};
    }
}

static int read_level(const struct cli_call *call, enum aq_level *ret)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    const char *text = cli_value(call, "log-level");
    *ret = call->quiet ? AQ_WARN : AQ_INFO;
    if (!text) return CLI_OK;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) != 0) continue;
        *ret = (enum aq_level)i;
        return CLI_OK;
    }
    return cli_usage_error(call, "--log-level is one of debug, info, warn, error, not '%s'", text);
}

static int apply_common(struct cli_call *call)
{
    call->file = cli_value(call, "config");
    call->quiet = cli_has(call, "quiet");
    const char *format = cli_value(call, "log-format");
    if (format && strcmp(format, "json") == 0)
        call->log_format = AQ_LOG_JSON;
    else if (format && strcmp(format, "logfmt") != 0)
        return cli_usage_error(call, "--log-format is logfmt or json, not '%s'", format);
    enum aq_level level;
    int rc = read_level(call, &level);
    if (rc != CLI_OK) return rc;
    aq_log_setup(level, call->log_format);

    call->overrides = aq_calloc(call->n_uses + 1, sizeof(*call->overrides));
    for (size_t i = 0; i < call->n_uses; i++) {
        if (strcmp(call->uses[i].option->name, "set") != 0) continue;
        if (!strchr(call->uses[i].value, '='))
            return cli_usage_error(call, "-s takes PATH=VALUE, not '%s'", call->uses[i].value);
        call->overrides[call->n_overrides++].text = call->uses[i].value;
    }
    return CLI_OK;
}

/* ---- dispatch ------------------------------------------------------------------------------------------ */

static int unknown_command(const char *word)
{
    const char *names[64];
    AQ_ASSERT(cli_command_count <= sizeof(names) / sizeof(names[0]));
    for (size_t i = 0; i < cli_command_count; i++) names[i] = cli_commands[i]->name;
    const char *near = conf_did_you_mean(word, names, cli_command_count);
    if (near) return cli_usage_error(NULL, "unknown command '%s'; did you mean '%s'?", word, near);
    return cli_usage_error(NULL, "unknown command '%s'", word);
}

static int run_command(struct cli_call *call, int argc, char **argv)
{
    struct option_set set = {.count = 0};
    add_options(&set, cli_common_options);
    add_options(&set, call->command->options);
    int rc = take_options(call, &set, argc, argv, false);
    if (rc != CLI_OK) return rc;
    call->args = argv + optind;
    call->n_args = argc - optind;
    if (cli_has(call, "help")) {
        cli_help_command(call->command, OPT_PRINT_TEXT, stdout);
        return CLI_OK;
    }
    if (call->command->max_args >= 0 && call->n_args > call->command->max_args)
        return cli_usage_error(call, "unexpected argument '%s'", call->args[call->command->max_args]);
    rc = apply_common(call);
    return rc == CLI_OK ? call->command->run(call) : rc;
}

/* Secrets are in this process's memory: no core file, and no other process of this user may read it.
 * Sanitizers need to look at the process themselves. */
static void protect_process(void)
{
#ifndef __SANITIZE_ADDRESS__
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
#endif
    signal(SIGPIPE,
           SIG_IGN); /* a reader of stdout or of a page that goes away is an error code, not our end */
}

int cli_main(int argc, char **argv)
{
    protect_process();
    aq_crash_setup();
    struct cli_call call = {.log_format = AQ_LOG_LOGFMT};
    struct option_set set = {.count = 0};
    add_options(&set, cli_common_options);
    int rc = take_options(&call, &set, argc, argv, true);
    if (rc == CLI_OK && cli_has(&call, "help")) {
        cli_help_overview(stdout);
    } else if (rc == CLI_OK && optind >= argc) {
        cli_help_overview(stderr);
        rc = CLI_USAGE;
    } else if (rc == CLI_OK) {
        call.command = cli_find_command(argv[optind]);
        /* The rest keeps its place in argv: argv[optind] serves as the program name of the second run. */
        rc = call.command ? run_command(&call, argc - optind, argv + optind) : unknown_command(argv[optind]);
    }
    free(call.uses);
    free(call.overrides);
    if (fflush(stdout) != 0 && rc == CLI_OK) rc = CLI_FAILED;
    return rc;
}
