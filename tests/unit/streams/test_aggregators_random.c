/* SPDX-License-Identifier: Apache-2.0
 *
 * Aggregators against a naive computation: a list of the values that are in a row, added, taken out and merged at random. After every
 * step the aggregator's result is what is computed from the list.
 */
#include <math.h>

#include "tests/unit/streams/agg_world.h"

#define VALUES 256

/* A number as it is written in a document. */
struct number {
    bool is_integer;
    int64_t integer;
    double real;
    char text[40];
};

struct list {
    struct number values[VALUES];
    size_t n;
};

static uint64_t seed;

static uint64_t draw(uint64_t limit)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (seed >> 11) % limit;
}

/* Doubles are eighths, whose sums are exact, so that the naive sum is right whatever the order. */
static struct number draw_number(bool doubles)
{
    struct number number = {.is_integer = !doubles || draw(3) > 0};
    if (number.is_integer) {
        number.integer = (int64_t)draw(41) - 20;
        if (draw(8) == 0) number.integer *= INT64_C(1000000000000);
        snprintf(number.text, sizeof(number.text), "%" PRId64, number.integer);
    } else {
        number.real = ((double)draw(321) - 160) / 8;
        snprintf(number.text, sizeof(number.text), "%.3f", number.real);
    }
    return number;
}

static double worth(const struct number *number)
{
    return number->is_integer ? (double)number->integer : number->real;
}

/* ---- what is to be expected: text, or a number ---------------------------------------------------------------------- */

typedef void expectation(const struct list *list, char *out, size_t size);

static void expect_count(const struct list *list, char *out, size_t size)
{
    snprintf(out, size, "%zu", list->n);
}

static void expect_sum(const struct list *list, char *out, size_t size)
{
    int64_t whole = 0;
    double real = 0;
    size_t reals = 0;
    for (size_t i = 0; i < list->n; i++) {
        whole += list->values[i].integer;
        real += list->values[i].real;
        reals += !list->values[i].is_integer;
    }
    if (reals == 0)
        snprintf(out, size, "%" PRId64, whole);
    else
        snprintf(out, size, "#%.17g", (double)whole + real);
}

static void expect_avg(const struct list *list, char *out, size_t size)
{
    double sum = 0;
    for (size_t i = 0; i < list->n; i++) sum += worth(&list->values[i]);
    if (list->n == 0)
        snprintf(out, size, "-");
    else
        snprintf(out, size, "#%.17g", sum / (double)list->n);
}

static void expect_extreme(const struct list *list, int sign, char *out, size_t size)
{
    size_t best = 0;
    for (size_t i = 1; i < list->n; i++)
        if (sign * (worth(&list->values[i]) - worth(&list->values[best])) > 0) best = i;
    snprintf(out, size, "%s", list->n ? list->values[best].text : "-");
}

static void expect_min(const struct list *list, char *out, size_t size)
{
    expect_extreme(list, -1, out, size);
}

static void expect_max(const struct list *list, char *out, size_t size)
{
    expect_extreme(list, 1, out, size);
}

static void expect_first(const struct list *list, char *out, size_t size)
{
    snprintf(out, size, "%s", list->n ? list->values[0].text : "-");
}

static void expect_last(const struct list *list, char *out, size_t size)
{
    snprintf(out, size, "%s", list->n ? list->values[list->n - 1].text : "-");
}

static void expect_distinct(const struct list *list, char *out, size_t size)
{
    size_t different = 0;
    for (size_t i = 0; i < list->n; i++) {
        size_t k = 0;
        while (worth(&list->values[k]) != worth(&list->values[i])) k++;
        different += k == i;
    }
    if (list->n == 0)
        snprintf(out, size, "-");
    else
        snprintf(out, size, "%zu", different);
}

static void append(char *out, size_t size, const char *text)
{
    size_t len = strlen(out);
    snprintf(out + len, size - len, "%s%s", out[len - 1] == '[' ? "" : ",", text);
}

static void expect_collect(const struct list *list, char *out, size_t size)
{
    snprintf(out, size, "%s", list->n ? "[" : "-");
    for (size_t i = 0; i < list->n; i++) append(out, size, list->values[i].text);
    if (list->n) strcat(out, "]");
}

/* The five largest, one after the other, the earlier of equals first. */
static void expect_top(const struct list *list, char *out, size_t size)
{
    bool taken[VALUES] = {false};
    snprintf(out, size, "%s", list->n ? "[" : "-");
    for (size_t place = 0; place < 5 && place < list->n; place++) {
        size_t best = VALUES;
        for (size_t i = 0; i < list->n; i++) {
            if (taken[i]) continue;
            if (best == VALUES || worth(&list->values[i]) > worth(&list->values[best])) best = i;
        }
        taken[best] = true;
        append(out, size, list->values[best].text);
    }
    if (list->n) strcat(out, "]");
}

/* ---- rows and lists side by side ------------------------------------------------------------------------------------ */

struct pair {
    struct agg_row row;
    struct list list;
};

/* "#1.5" is a number however it is written. */
static void expect_same(struct agg_world *a, const struct pair *p, expectation *expected, const char *options)
{
    static char want[1 << 14];
    const char *text = agg_text(a, &p->row);
    want[0] = '\0';
    if (p->list.n == 0 && strcmp(text, "-") == 0) return; /* never anything in it */
    expected(&p->list, want, sizeof(want));
    bool same = want[0] == '#' ? strtod(text, NULL) == strtod(want + 1, NULL) : strcmp(text, want) == 0;
    T_CHECK(same, "%s, %zu values: '%s', not '%s'", options, p->list.n, text, want);
}

static void add_one(struct agg_world *a, struct pair *p, bool doubles)
{
    if (p->list.n == VALUES / 2) return;
    struct number *number = &p->list.values[p->list.n++];
    *number = draw_number(doubles);
    char *value = t_printf("{\"id\":\"x\",\"n\":%s}", number->text);
    int rc = agg_change(a, &p->row, '+', aq_slice_str(value));
    T_CHECK(rc == 0, "%s", a->err.text);
    free(value);
}

/* Of equal texts the first goes, as collect has it; to the others it is all the same. */
static void take_one(struct agg_world *a, struct pair *p)
{
    if (p->list.n == 0) return;
    size_t chosen = draw(p->list.n), i = 0;
    while (strcmp(p->list.values[i].text, p->list.values[chosen].text) != 0) i++;
    char *value = t_printf("{\"n\":%s}", p->list.values[i].text);
    int rc = agg_change(a, &p->row, '-', aq_slice_str(value));
    T_CHECK(rc == 0, "%s", a->err.text);
    free(value);
    memmove(&p->list.values[i], &p->list.values[i + 1], (p->list.n - 1 - i) * sizeof(p->list.values[0]));
    p->list.n--;
}

/* p becomes p and q, and q begins anew. */
static void merge_two(struct agg_world *a, struct pair *p, struct pair *q)
{
    if (aq_slice_is_null(p->row.acc) || aq_slice_is_null(q->row.acc)) return;
    if (p->list.n + q->list.n > VALUES / 2) return;
    int rc = agg_merge(a, &p->row, &q->row);
    T_CHECK(rc == 0, "%s", a->err.text);
    memcpy(&p->list.values[p->list.n], q->list.values, q->list.n * sizeof(q->list.values[0]));
    p->list.n += q->list.n;
    q->list.n = 0;
    agg_row_free(&q->row);
}

static void run(const char *options, expectation *expected, bool doubles)
{
    struct agg_world *a = t_alloc(sizeof(*a));
    struct pair *pairs = aq_calloc(3, sizeof(*pairs));
    agg_open(a, "json", options);
    for (int turn = 0; turn < 20000; turn++) {
        struct pair *p = &pairs[draw(3)], *q = &pairs[draw(3)];
        uint64_t dice = draw(100);
        if (dice < 3 && p != q)
            merge_two(a, p, q);
        else if (dice < 40 && a->kind->subtract)
            take_one(a, p);
        else if (dice < 41) {
            p->list.n = 0;
            agg_row_free(&p->row);
        } else
            add_one(a, p, doubles);
        expect_same(a, p, expected, options);
    }
    for (size_t i = 0; i < 3; i++) agg_row_free(&pairs[i].row);
    free(pairs);
    agg_close(a);
    free(a);
}

static void rows_are_what_a_naive_computation_says(void **state)
{
    (void)state;
    static const struct {
        const char *options;
        expectation *expected;
    } cases[] = {
        {"function = \"count\";", expect_count},
        {"function = \"sum\"; of = \"value.n\";", expect_sum},
        {"function = \"avg\"; of = \"value.n\";", expect_avg},
        {"function = \"min\"; of = \"value.n\";", expect_min},
        {"function = \"max\"; of = \"value.n\";", expect_max},
        {"function = \"first\"; of = \"value.n\";", expect_first},
        {"function = \"last\"; of = \"value.n\";", expect_last},
        {"function = \"count_distinct\"; of = \"value.n\";", expect_distinct},
        {"function = \"collect\"; of = \"value.n\";", expect_collect},
        {"function = \"top_n\"; n = 5; of = \"value.n\"; keep = \"value.n\";", expect_top},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (int doubles = 0; doubles <= 1; doubles++) {
            seed = 0x9e3779b97f4a7c15u + i;
            run(cases[i].options, cases[i].expected, doubles);
        }
    }
}

/* The same sums in Lua, which has its own integers and floats. */
static void expressions_agree_with_the_built_in_sum(void **state)
{
    (void)state;
    seed = 4711;
    run("initial = \"0\"; add = \"agg + value.n\"; subtract = \"agg - value.n\"; merge = \"a + b\";",
        expect_sum, false);
    seed = 4712;
    run("initial = \"0\"; add = \"agg + 1\"; subtract = \"agg - 1\"; merge = \"a + b\";", expect_count, true);
}

/* Tenths, which no double is: sums of many stay what a sum in 80 or more bits says. */
static void sums_of_doubles_lose_nothing_on_the_way(void **state)
{
    (void)state;
    struct agg_world *a = t_alloc(sizeof(*a));
    struct agg_row row = {AQ_NULL_SLICE};
    agg_open(a, "json", "function = \"sum\";");
    for (int i = 0; i < 100000; i++) T_CHECK(agg_change(a, &row, '+', AQ_LIT("0.1")) == 0, "%s", a->err.text);
    T_CHECK(strcmp(agg_text(a, &row), "10000.0") == 0, "%s", a->text);
    for (int i = 0; i < 99999; i++) T_CHECK(agg_change(a, &row, '-', AQ_LIT("0.1")) == 0, "%s", a->err.text);
    T_CHECK(strcmp(agg_text(a, &row), "0.1") == 0, "%s", a->text);
    T_CHECK(agg_change(a, &row, '-', AQ_LIT("0.1")) == 0, "%s", a->err.text);
    T_CHECK(strcmp(agg_text(a, &row), "0") == 0, "%s", a->text);
    agg_row_free(&row);
    agg_close(a);
    free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_what_a_naive_computation_says),
        cmocka_unit_test(expressions_agree_with_the_built_in_sum),
        cmocka_unit_test(sums_of_doubles_lose_nothing_on_the_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
