/* SPDX-License-Identifier: Apache-2.0
 *
 * The generator of the differential test (tests/tools/topology_gen.c): what it writes can be read, and can be written
 * again. What the topologies do is compared with Kafka Streams by scripts/differential.sh.
 */
#include <sys/stat.h>

#include "conf/node.h"
#include "transforms/lua_engine.h"

#include "tests/differential/menu.h"
#include "tests/lib/process.h"

#define SEED_FIRST 1000
#define SEEDS      50

static char dir[64];

static void generate(const char *name)
{
    char *out = t_printf("%s/%s", dir, name), *seed = t_printf("%d", SEED_FIRST),
         *count = t_printf("%d", SEEDS);
    const char *argv[] = {t_tool("topology_gen"), "--out", out, "--seed", seed, "--count", count, NULL};
    assert_int_equal(t_run(argv, 20000, NULL), 0);
    free(out);
    free(seed);
    free(count);
}

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/aq-topology-gen-XXXXXX");
    if (!mkdtemp(dir)) return -1;
    generate("once");
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    const char *argv[] = {"rm", "-rf", dir, NULL};
    return t_run(argv, 20000, NULL);
}

static void check_lua(const char *text, enum lua_form form, const char *where)
{
    struct aq_err err = {0};
    struct lua_program program = {.form = form,
                                  .name = where,
                                  .text = aq_slice_str(text),
                                  .instruction_limit = LUA_INSTRUCTIONS_MAX,
                                  .memory_limit = LUA_MEMORY_MAX};
    T_CHECK(lua_program_check(&program, &err) == 0, "%s: %s", text, err.text);
}

/* Every option of a node that is Lua must be. */
static size_t check_node(struct conf_node *node)
{
    static const char *const expressions[] = {"where", "key", "value", "values", "records", "topic_by"};
    size_t checked = 0;
    for (size_t i = 0; i < sizeof(expressions) / sizeof(expressions[0]); i++) {
        struct conf_node *option = conf_get(node, expressions[i]);
        if (option) check_lua(option->string, LUA_EXPRESSION, expressions[i]), checked++;
    }
    struct conf_node *map = conf_get(node, "map"), *run = conf_get(node, "run");
    if (map) check_lua(map->string, LUA_STATEMENTS, "map"), checked++;
    if (run) check_lua(run->string, LUA_STATEMENTS, "run"), checked++;
    struct conf_node *branches = conf_get(node, "branches");
    for (struct conf_node *n = branches ? branches->first : NULL; n; n = n->next, checked++)
        check_lua(n->string, LUA_EXPRESSION, n->name);
    return checked;
}

static size_t check_configuration(int seed)
{
    char *path = t_printf("%s/once/%d/aqueduct.conf", dir, seed);
    struct conf_diags diags;
    struct conf_doc *doc = NULL;
    size_t checked = 0;
    conf_diags_init(&diags);
    T_CHECK(conf_load(path, NULL, 0, &diags, &doc) == 0, "seed %d", seed);
    assert_int_equal(diags.errors, 0);
    struct conf_node *topology = conf_get(conf_get(doc->root, "streams"), "topology");
    T_CHECK(topology && topology->count >= 3, "seed %d", seed);
    for (struct conf_node *node = topology->first; node; node = node->next) {
        T_CHECK(conf_get(node, "type") != NULL, "seed %d: %s", seed, node->name);
        checked += check_node(node);
    }
    conf_doc_destroy(doc);
    conf_diags_finish(&diags);
    free(path);
    return checked;
}

static void test_every_configuration_loads_and_its_lua_compiles(void **state)
{
    (void)state;
    size_t checked = 0;
    for (int i = 0; i < SEEDS; i++) checked += check_configuration(SEED_FIRST + i);
    assert_true(checked > SEEDS);
}

static void test_every_function_of_the_menu_compiles(void **state)
{
    (void)state;
    for (size_t i = 0; i < MENU_COUNT; i++) {
        char text[512];
        size_t length = 0;
        for (const char *at = menu[i].lua; *at; at++) {
            assert_true(length + 1 < sizeof(text));
            text[length++] = *at == '$' ? ' ' : *at == 'p' && at > menu[i].lua && at[-1] == '$' ? '7' : *at;
        }
        text[length] = '\0';
        check_lua(text, menu[i].role == STATEMENTS ? LUA_STATEMENTS : LUA_EXPRESSION, menu[i].id);
    }
}

static void test_a_function_gives_every_operator_something_for_every_type(void **state)
{
    (void)state;
    const enum role roles[] = {CONDITION, VALUE, KEY, VALUES, RECORDS, TOPIC};
    for (size_t r = 0; r < sizeof(roles) / sizeof(roles[0]); r++) {
        unsigned keys = 0, values = 0;
        for (size_t i = 0; i < MENU_COUNT; i++) {
            if (menu[i].role != roles[r]) continue;
            if (menu[i].values == ANY) keys |= menu[i].keys;
            if (menu[i].keys == ANY) values |= menu[i].values;
        }
        assert_int_equal(keys & ~(unsigned)W, ANY);
        assert_int_equal(values, ANY);
    }
}

static void test_a_seed_always_writes_the_same_files(void **state)
{
    (void)state;
    generate("again");
    char *once = t_printf("%s/once", dir), *again = t_printf("%s/again", dir);
    const char *argv[] = {"diff", "-r", once, again, NULL};
    assert_int_equal(t_run(argv, 20000, NULL), 0);
    free(once);
    free(again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_configuration_loads_and_its_lua_compiles),
        cmocka_unit_test(test_every_function_of_the_menu_compiles),
        cmocka_unit_test(test_a_function_gives_every_operator_something_for_every_type),
        cmocka_unit_test(test_a_seed_always_writes_the_same_files),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
