/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of findings about a topology (streams/topology/finding.h).
 */
#include "streams/topology/finding.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"

void st_findings_init(struct st_findings *findings)
{
    AQ_ASSERT(findings);
    *findings = (struct st_findings){0};
    aq_arena_init(&findings->arena, 1024);
}

void st_findings_finish(struct st_findings *findings)
{
    aq_arena_finish(&findings->arena);
    free(findings->list);
    *findings = (struct st_findings){0};
}

__attribute__((format(printf, 2, 0))) static const char *format_text(struct aq_arena *arena,
                                                                     const char *format, va_list args)
{
    char *text = NULL;
    int n = vasprintf(&text, format, args);
    AQ_ASSERT(n >= 0);
    const char *copy = aq_arena_strdup(arena, text);
    free(text);
    return copy;
}

static void append(struct st_findings *findings, struct st_finding finding)
{
    if (findings->count == findings->cap) {
        findings->cap = findings->cap ? 2 * findings->cap : 8;
        findings->list = aq_realloc(findings->list, findings->cap * sizeof(*findings->list));
    }
    findings->list[findings->count++] = finding;
    if (finding.severity == CONF_ERROR) findings->errors++;
}

void st_report(struct st_findings *findings, enum conf_severity severity, const struct st_node *node,
               const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = format_text(&findings->arena, format, args);
    va_end(args);
    append(findings, (struct st_finding){.severity = severity, .node = node, .text = text});
}

void st_report_store(struct st_findings *findings, enum conf_severity severity, const struct st_store *store,
                     const char *format, ...)
{
    AQ_ASSERT(store);
    va_list args;
    va_start(args, format);
    const char *text = format_text(&findings->arena, format, args);
    va_end(args);
    append(findings, (struct st_finding){.severity = severity, .store = store, .text = text});
}

const struct st_node *st_finding_place(const struct st_finding *finding)
{
    const struct st_node *node = finding->node;
    return node && node->part_of ? node->part_of : node;
}

/* "sink 'out': " or "store 'totals': " or "", in a buffer of the caller. */
static const char *place_of(const struct st_finding *finding, char *buf, size_t size)
{
    const struct st_node *node = st_finding_place(finding);
    buf[0] = '\0';
    if (node) snprintf(buf, size, "%s '%s': ", st_node_type_name(node->type), node->name);
    if (finding->store) snprintf(buf, size, "store '%s': ", finding->store->name);
    return buf;
}

void st_findings_print(const struct st_findings *findings, FILE *out)
{
    char place[300];
    for (size_t i = 0; i < findings->count; i++) {
        const struct st_finding *finding = &findings->list[i];
        fprintf(out, "%s: %s%s\n", finding->severity == CONF_ERROR ? "error" : "warning",
                place_of(finding, place, sizeof(place)), finding->text);
    }
}

int st_findings_verdict(const struct st_findings *findings, struct aq_err *err)
{
    if (findings->errors == 0) return 0;
    const struct st_finding *first = findings->list;
    while (first->severity != CONF_ERROR) first++;
    char place[300], more[40] = "";
    if (findings->errors > 1) snprintf(more, sizeof(more), " (and %zu more)", findings->errors - 1);
    return aq_fail(err, AQ_E_CONFIG, "%s%s%s", place_of(first, place, sizeof(place)), first->text, more);
}
