/* SPDX-License-Identifier: Apache-2.0
 *
 * From the `topology` group to a topology that can run.
 *
 * An ordinary pass: each group names its form, whose rows read it. Which nodes are tables is known then. The form's add() makes the node,
 * without parents yet; forms that build on their parents follow, each as soon as these are there. Then the edges, so that a
 * node may name one that comes later in the file; then the check of the whole, the plan, and the serdes on every edge, with which
 * forms look at their nodes once more.
 *
 * A failing pass: one run tells all mistakes. A node that cannot be made is stood in for by one that does nothing, and a node whose
 * parents cannot be found by name gets a stand-in for a source as its parent; so the rest of the graph is complete and is
 * checked as usual. What is said about nodes behind a mistake would often be said because of it, so of the findings about
 * serdes and the warnings only those are told that lie on sound ground.
 *
 * Invariant: what was made without a complaint has a plan, and nothing that runs it checks for what is checked here.
 * Threads: the main thread; read-only afterwards.
 */
#include "streams/forms/form.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/mem.h"
#include "streams/forms/form_parts.h"
#include "streams/topology/topology_check.h"

/* A name no node of a configuration can have: it begins with a hyphen. */
#define STAND_IN_SOURCE "-unread"
#define STAND_IN_ID     "application"

static const struct st_processor_kind stand_in_kind = {.name = "stand-in"};

/* ---- nodes by name --------------------------------------------------------------------------------------------------- */

const struct st_formed_node *st_formed_find(const struct st_formed *formed, const char *name)
{
    for (size_t i = 0; i < formed->n_nodes; i++)
        if (strcmp(formed->nodes[i].name, name) == 0) return &formed->nodes[i];
    return NULL;
}

/* ---- reading a node --------------------------------------------------------------------------------------------------- */

/* What every node has; its form's conf lies behind it. */
struct common {
    const char *type;
    struct opt_strings from;
};

static const struct opt_row common_rows[] = {
    {.name = "type",
     .kind = OPT_STRING,
     .offset = offsetof(struct common, type),
     .flags = OPT_REQUIRED,
     .reload = OPT_RELOAD_PROCESS,
     .help = "The form of the node: one of those `aqueduct list forms` shows."},
    {.name = "from",
     .kind = OPT_STRINGS,
     .offset = offsetof(struct common, from),
     .min = 1,
     .reload = OPT_RELOAD_PROCESS,
     .help = "The nodes it gets its records from, one name or several. All but sources need it."},
    {.name = NULL},
};

const struct opt_table st_node_table = {
    .name = "node",
    .kind = "section",
    .summary = "A node of a topology: what all forms have in common.",
    .rows = common_rows,
    .example = "streams.topology.NAME = { type = \"filter\"; from = \"OTHER\"; where = \"value.n > 9\"; };\n",
};

struct reading {
    const struct st_settings *settings;
    struct xf_library *library;
    struct aq_arena *arena;
    struct conf_diags *diags;
    struct st_formed *formed;
    const char **what;
};

static struct conf_node *child_of(const struct conf_node *group, const char *name)
{
    for (struct conf_node *n = group->type == CONF_GROUP ? group->first : NULL; n; n = n->next)
        if (strcmp(n->name, name) == 0) return n;
    return NULL;
}

static void unknown_form(struct reading *r, const char *what, const struct conf_node *type)
{
    const char **names = aq_calloc(st_n_forms, sizeof(*names));
    for (size_t i = 0; i < st_n_forms; i++) names[i] = st_forms[i]->name;
    const char *near = conf_did_you_mean(type->string, names, st_n_forms);
    if (near)
        conf_diag(r->diags, CONF_ERROR, type->value_pos, "%s: unknown type '%s'; did you mean '%s'?", what,
                  type->string, near);
    else
        conf_diag(r->diags, CONF_ERROR, type->value_pos,
                  "%s: unknown type '%s'; `aqueduct list forms` shows those there are", what, type->string);
    free(names);
}

/* The form of the group, or NULL after a complaint. */
static const struct st_form *find_form(struct reading *r, const char *what, const struct conf_node *group)
{
    const struct conf_node *type = child_of(group, "type");
    if (group->type != CONF_GROUP)
        conf_diag(r->diags, CONF_ERROR, group->pos, "%s is a group: %s = { type = \"…\"; … };", what,
                  group->name);
    else if (!type)
        conf_diag(r->diags, CONF_ERROR, group->pos, "%s: required option 'type' is missing", what);
    else if (type->type != CONF_STRING && !type->faulty)
        conf_diag(r->diags, CONF_ERROR, type->value_pos, "%s: type: must be a string in quotes", what);
    if (!type || type->type != CONF_STRING || type->faulty) return NULL;
    const struct st_form *form = st_form_find(type->string);
    if (!form) unknown_form(r, what, type);
    return form;
}

static size_t count_rows(const struct opt_row *rows)
{
    size_t n = 0;
    while (rows[n].name) n++;
    return n;
}

/* Bytes from the common part to the form's own, which may hold anything. */
#define CONF_OFFSET ((sizeof(struct common) + 15) / 16 * 16)

/* The common rows and the form's, as one table over one piece of memory. */
static const struct opt_row *join_rows(struct reading *r, const struct st_form *form)
{
    size_t n_common = form->reads ? 1 : 2, n = count_rows(form->rows);
    struct opt_row *rows = aq_arena_zalloc(r->arena, (n_common + n + 1) * sizeof(*rows));
    memcpy(rows, common_rows, n_common * sizeof(*rows));
    if (!form->reads) rows[1].flags |= OPT_REQUIRED;
    for (size_t i = 0; i < n; i++) {
        rows[n_common + i] = form->rows[i];
        rows[n_common + i].offset += CONF_OFFSET;
    }
    return rows;
}

static const struct st_formed_node *formed_of(const struct reading *r, const char *name)
{
    return st_formed_find(r->formed, name);
}

/* Its records are changes of one table: it names one node, which is a table. */
static bool is_of_table(const struct reading *r, const struct st_formed_node *node)
{
    const struct st_formed_node *from = node->from.count == 1 ? formed_of(r, node->from.items[0]) : NULL;
    return from && from->is_table;
}

/* A table's filter is a table, so one may follow from another, wherever they stand in the file. */
static void find_tables(struct reading *r)
{
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < r->formed->n_nodes; i++) {
            struct st_formed_node *node = &r->formed->nodes[i];
            if (!node->form || !node->form->makes_table || node->is_table) continue;
            node->is_table = node->form->makes_table(node->conf, is_of_table(r, node));
            more = more || node->is_table;
        }
    }
}

/* It is made when its parents are there. */
static bool is_behind(const struct reading *r, const struct st_formed_node *node)
{
    if (!node->form) return false;
    return node->form->behind || (node->form->behind_tables && is_of_table(r, node));
}

static struct st_forming forming_of(const struct reading *r, size_t i)
{
    return (struct st_forming){.topology = r->formed->topology,
                               .settings = r->settings,
                               .library = r->library,
                               .arena = r->arena,
                               .diags = r->diags,
                               .formed = r->formed,
                               .of_table = is_of_table(r, &r->formed->nodes[i]),
                               .what = r->what[i],
                               .name = r->formed->nodes[i].name,
                               .group = r->formed->nodes[i].group,
                               .node = &r->formed->nodes[i],
                               .parents = {.more_later = true}};
}

static void read_node(struct reading *r, size_t i, struct conf_node *group)
{
    struct st_formed_node *node = &r->formed->nodes[i];
    char what[300];
    *node = (struct st_formed_node){.name = group->name, .group = group};
    r->what[i] = aq_arena_strdup(r->arena, conf_node_path(group, what, sizeof(what)));
    size_t before = r->diags->errors;
    const struct st_form *form = group->faulty ? NULL : find_form(r, r->what[i], group);
    if (form) {
        char *memory = aq_arena_zalloc(r->arena, CONF_OFFSET + form->conf_size);
        const struct common *common = (const struct common *)memory;
        opt_read(join_rows(r, form), group, r->what[i], NULL, r->arena, memory, r->diags);
        node->form = form;
        node->conf = memory + CONF_OFFSET;
        node->from = common->from;
        const struct st_forming forming = forming_of(r, i);
        if (form->read_from) form->read_from(&forming, node->conf);
    }
    node->broken = !form || r->diags->errors > before;
}

/* ---- making nodes ------------------------------------------------------------------------------------------------------ */

static void make_node(struct reading *r, size_t i)
{
    struct st_formed_node *node = &r->formed->nodes[i];
    size_t before = r->diags->errors, nodes = r->formed->topology->n_nodes;
    const struct st_forming forming = forming_of(r, i);
    AQ_ASSERT(node->form && !node->broken && !node->made);
    node->made = true;
    node->form->add(&forming, node->conf);
    node->broken = r->diags->errors > before || r->formed->topology->n_nodes == nodes;
}

/* A node that was not made and is not there in another's name. One of an illegal name stays away. */
static void stand_in(struct reading *r, size_t i)
{
    struct st_topology *topology = r->formed->topology;
    const char *name = r->formed->nodes[i].name;
    if (!r->formed->nodes[i].broken || st_find_node(topology, name)) return;
    st_add_processor(topology, name, &stand_in_kind, NULL, (struct st_parents){.more_later = true}, NULL);
}

static bool are_parents_there(const struct reading *r, const struct st_formed_node *node)
{
    for (size_t k = 0; k < node->from.count; k++) {
        const struct st_formed_node *from = formed_of(r, node->from.items[k]);
        if (!st_find_node(r->formed->topology, node->from.items[k])) return false;
        if (from && from->form && from->form->childless) return false;
    }
    return true;
}

/* Those that build on their parents. What is left at the end names one that is not there or not to be named, or itself in the end: the
 * edges of its stand-in tell. */
static void make_behind(struct reading *r)
{
    struct st_formed *formed = r->formed;
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < formed->n_nodes; i++) {
            struct st_formed_node *node = &formed->nodes[i];
            if (node->broken || node->made || !are_parents_there(r, node)) continue;
            make_node(r, i);
            stand_in(r, i);
            more = true;
        }
    }
    for (size_t i = 0; i < formed->n_nodes; i++) {
        if (formed->nodes[i].made || formed->nodes[i].broken) continue;
        formed->nodes[i].broken = true;
        stand_in(r, i);
    }
}

static void make_nodes(struct reading *r)
{
    struct st_formed *formed = r->formed;
    for (size_t i = 0; i < formed->n_nodes; i++)
        if (!formed->nodes[i].broken && !is_behind(r, &formed->nodes[i])) make_node(r, i);
    for (size_t i = 0; i < formed->n_nodes; i++) stand_in(r, i);
    make_behind(r);
}

/* ---- edges ------------------------------------------------------------------------------------------------------------- */

/* Would it be a way of a branch, had that been made? */
static bool is_of_broken(const struct reading *r, const char *name)
{
    for (size_t i = 0; i < r->formed->n_nodes; i++) {
        const char *other = r->formed->nodes[i].name;
        size_t len = strlen(other);
        bool begins = strncmp(other, name, len) == 0 && (name[len] == '-' || !name[len]);
        if (begins && r->formed->nodes[i].broken) return true;
    }
    return false;
}

static void unknown_parent(struct reading *r, size_t i, struct conf_pos at, const char *name)
{
    const struct st_topology *topology = r->formed->topology;
    const char **names = aq_calloc(topology->n_nodes + 1, sizeof(*names));
    size_t n = 0;
    for (size_t k = 0; k < topology->n_nodes; k++) {
        const struct st_formed_node *other = formed_of(r, topology->nodes[k]->name);
        if (!other || !other->form || !other->form->childless) names[n++] = topology->nodes[k]->name;
    }
    const char *near = conf_did_you_mean(name, names, n);
    conf_diag(r->diags, CONF_ERROR, at, "%s: from: unknown node '%s'%s%s%s", r->what[i], name,
              near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    free(names);
}

/* Where the records of number `k` of `from` enter. */
static const char *entry_of(const struct st_formed_node *node, size_t k)
{
    if (node->n_entries == 0) return node->name;
    return node->entries[k < node->n_entries ? k : node->n_entries - 1];
}

/* False after a complaint, and for a node that could not be made. */
static bool add_edge(struct reading *r, size_t i, size_t k)
{
    const struct st_formed_node *node = &r->formed->nodes[i];
    const char *from = node->from.items[k];
    const struct conf_pos at = node->from.places[k];
    const struct st_formed_node *parent = formed_of(r, from);
    struct aq_err err = {0};
    if (!st_find_node(r->formed->topology, from)) {
        if (!is_of_broken(r, from)) unknown_parent(r, i, at, from);
        return false;
    }
    if (parent && parent->form && parent->form->childless) {
        conf_diag(r->diags, CONF_ERROR, at, "%s: from: '%s' is a %s: %s", r->what[i], from,
                  parent->form->name, parent->form->childless);
        return false;
    }
    if (st_add_edge(r->formed->topology, from, entry_of(node, k), &err) == 0) return true;
    conf_diag(r->diags, CONF_ERROR, at, "streams.topology: %s", err.text);
    return false;
}

static bool is_named_before(const struct opt_strings *from, size_t k)
{
    for (size_t i = 0; i < k; i++)
        if (strcmp(from->items[i], from->items[k]) == 0) return true;
    return false;
}

static void add_edges(struct reading *r, size_t i)
{
    struct st_formed_node *node = &r->formed->nodes[i];
    const struct st_node *child = st_find_node(r->formed->topology, entry_of(node, 0));
    if (!child || child->type == ST_SOURCE || (child->n_parents > 0 && node->broken)) return;
    if (is_behind(r, node) && !node->broken) return; /* it was made with them */
    for (size_t k = 0; k < node->from.count; k++) {
        /* A join with itself; or a form that takes the node in more than one place, and was not made. */
        if ((is_behind(r, node) || node->broken) && is_named_before(&node->from, k)) continue;
        if (is_behind(r, node) && st_formed_is_global(r->formed, node->from.items[k])) continue;
        if (!add_edge(r, i, k)) node->broken = true;
    }
}

/* Parents for what has none because of a mistake that was told. */
static void adopt_entry(struct reading *r, const char *name)
{
    struct st_topology *topology = r->formed->topology;
    const struct st_node *child = st_find_node(topology, name);
    if (!child || child->type == ST_SOURCE || child->n_parents > 0) return;
    if (!st_find_node(topology, STAND_IN_SOURCE)) {
        static const char *const topics[] = {STAND_IN_SOURCE};
        const struct st_source_conf source = {.topics = topics, .n_topics = 1};
        int rc = st_add_source(topology, STAND_IN_SOURCE, &source, NULL);
        AQ_ASSERT(rc == 0);
    }
    int rc = st_add_edge(topology, STAND_IN_SOURCE, child->name, NULL);
    AQ_ASSERT(rc == 0);
}

static void adopt(struct reading *r, size_t i)
{
    const struct st_formed_node *node = &r->formed->nodes[i];
    if (!node->broken) return;
    for (size_t k = 0; k == 0 || k < node->n_entries; k++) adopt_entry(r, entry_of(node, k));
}

/* ---- the whole --------------------------------------------------------------------------------------------------------- */

/* Who looks into global tables cannot be told when some node was not made. */
static void doubt_globals(const struct reading *r, bool *doubtful)
{
    const struct st_topology *topology = r->formed->topology;
    bool broken = false;
    for (size_t i = 0; i < r->formed->n_nodes; i++) broken = broken || r->formed->nodes[i].broken;
    for (size_t i = 0; i < topology->n_nodes; i++)
        doubtful[i] = doubtful[i] || (broken && topology->nodes[i]->type == ST_GLOBAL_TABLE);
}

/* By node of the topology: a mistake was told about it or about one in front of it. */
static bool *find_doubtful(const struct reading *r)
{
    const struct st_topology *topology = r->formed->topology;
    bool *doubtful = aq_calloc(topology->n_nodes + 1, sizeof(*doubtful));
    for (size_t i = 0; i < r->formed->n_nodes; i++) {
        const struct st_node *node = st_find_node(topology, r->formed->nodes[i].name);
        if (node) doubtful[node->index] = r->formed->nodes[i].broken;
    }
    doubt_globals(r, doubtful);
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < topology->n_nodes; i++) {
            const struct st_node *node = topology->nodes[i];
            for (size_t k = 0; k < node->n_parents && !doubtful[i]; k++) {
                if (!doubtful[node->parents[k]->index]) continue;
                doubtful[i] = true;
                more = true;
            }
        }
    }
    return doubtful;
}

/* The node of the file that a node of the topology comes from, which for a way of a branch is the branch. */
static size_t origin_of(const struct reading *r, const struct st_node *node)
{
    size_t best = r->formed->n_nodes;
    for (size_t i = 0; i < r->formed->n_nodes; i++) {
        const struct st_formed_node *formed = &r->formed->nodes[i];
        size_t len = strlen(formed->name);
        if (strcmp(formed->name, node->name) == 0) return i;
        bool way = strncmp(formed->name, node->name, len) == 0 && node->name[len] == '-';
        if (way && (best == r->formed->n_nodes || len > strlen(r->formed->nodes[best].name))) best = i;
    }
    return best;
}

/* Hands on what was found; `all`: also errors behind a mistake. */
static void report(struct reading *r, const struct st_findings *findings, const bool *doubtful, bool all)
{
    for (size_t i = 0; i < findings->count; i++) {
        const struct st_finding *finding = &findings->list[i];
        const struct st_node *node = finding->node;
        if (!node) {
            conf_diag(r->diags, finding->severity, r->settings->topology->pos, "streams.topology: %s",
                      finding->text);
            continue;
        }
        size_t origin = origin_of(r, node);
        if (origin == r->formed->n_nodes) continue; /* a stand-in */
        if (doubtful[node->index] && (!all || finding->severity == CONF_WARNING)) continue;
        conf_diag(r->diags, finding->severity, r->formed->nodes[origin].group->pos, "%s: %s", r->what[origin],
                  finding->text);
    }
}

static const struct st_plan_node *plan_node_of(const struct st_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->n_nodes; i++)
        if (strcmp(plan->nodes[i].node->name, name) == 0) return &plan->nodes[i];
    return NULL;
}

struct st_serdes st_formed_sends(const struct st_formed *formed, const char *name)
{
    AQ_ASSERT(formed->plan && formed->serdes);
    const struct st_node *of_topology = st_find_node(formed->topology, name);
    if (of_topology && of_topology->type == ST_GLOBAL_TABLE)
        return st_serde_flow_of_global(formed->serdes, formed->plan, of_topology);
    const struct st_plan_node *node = plan_node_of(formed->plan, name);
    AQ_ASSERT(node);
    return formed->serdes->out[node->index];
}

/* Records go to the children of a node in the order of the file, whichever was made first. */
static void order_children(const struct reading *r)
{
    const struct st_topology *topology = r->formed->topology;
    size_t *origins = aq_calloc(topology->n_nodes + 1, sizeof(*origins));
    for (size_t i = 0; i < topology->n_nodes; i++) origins[i] = origin_of(r, topology->nodes[i]);
    for (size_t i = 0; i < topology->n_nodes; i++) {
        struct st_node *node = topology->nodes[i];
        for (size_t k = 1; k < node->n_children; k++) {
            struct st_node *child = node->children[k];
            size_t at = k;
            for (; at > 0 && origins[node->children[at - 1]->index] > origins[child->index]; at--)
                node->children[at] = node->children[at - 1];
            node->children[at] = child;
        }
    }
    free(origins);
}

/* Forms that want to know in which serdes records come. */
static void check_forms(struct reading *r, const bool *doubtful)
{
    for (size_t i = 0; i < r->formed->n_nodes; i++) {
        const struct st_formed_node *node = &r->formed->nodes[i];
        if (!node->form || !node->form->check || node->broken) continue;
        const struct st_plan_node *plan_node = plan_node_of(r->formed->plan, node->name);
        if (!plan_node || doubtful[plan_node->node->index]) continue;
        const struct st_forming forming = forming_of(r, i);
        node->form->check(&forming, node->conf, r->formed->serdes->in[plan_node->index]);
    }
}

static void check_serdes(struct reading *r, const bool *doubtful)
{
    const struct st_settings *s = r->settings;
    /* A default that was misspelt would be missed everywhere. */
    if ((s->key_serde_name && !s->key_serde) || (s->value_serde_name && !s->value_serde)) return;
    struct st_findings findings;
    st_findings_init(&findings);
    r->formed->serdes =
        st_serde_flow_create(r->formed->plan, (struct st_serdes){s->key_serde, s->value_serde}, &findings);
    report(r, &findings, doubtful, false);
    st_findings_finish(&findings);
    if (r->formed->serdes) check_forms(r, doubtful);
}

static void check_whole(struct reading *r)
{
    bool *doubtful = find_doubtful(r);
    struct st_findings findings;
    st_findings_init(&findings);
    bool good = st_topology_check(r->formed->topology, &findings);
    report(r, &findings, doubtful, true);
    st_findings_finish(&findings);
    r->formed->plan = good ? st_plan_create(r->formed->topology, NULL) : NULL;
    if (r->formed->plan) check_serdes(r, doubtful);
    free(doubtful);
}

static struct st_topology *create(const struct st_settings *settings)
{
    /* A bad id was complained about; the nodes are looked at all the same. */
    struct st_topology *topology =
        settings->application_id ? st_topology_create(settings->application_id, NULL) : NULL;
    return topology ? topology : st_topology_create(STAND_IN_ID, NULL);
}

bool st_form_topology(const struct st_settings *settings, struct xf_library *library, struct aq_arena *arena,
                      struct conf_diags *diags, struct st_formed *ret)
{
    AQ_ASSERT(settings && settings->topology && library && arena && diags && ret);
    const struct conf_node *group = settings->topology;
    size_t room = (size_t)group->count + 1, before = diags->errors;
    *ret = (struct st_formed){.topology = create(settings),
                              .nodes = aq_arena_zalloc(arena, room * sizeof(*ret->nodes))};
    struct reading r = {.settings = settings,
                        .library = library,
                        .arena = arena,
                        .diags = diags,
                        .formed = ret,
                        .what = aq_calloc(room, sizeof(const char *))};
    /* Rows hand the sub-tree out read-only; reading it marks what was used. */
    for (struct conf_node *n = (struct conf_node *)group->first; n; n = n->next)
        read_node(&r, ret->n_nodes++, n);
    find_tables(&r);
    make_nodes(&r);
    for (size_t i = 0; i < ret->n_nodes; i++) add_edges(&r, i);
    for (size_t i = 0; i < ret->n_nodes; i++) adopt(&r, i);
    order_children(&r);
    check_whole(&r);
    free(r.what);
    bool good = diags->errors == before && ret->plan && ret->serdes;
    if (good) return true;
    st_serde_flow_destroy(ret->serdes);
    st_plan_destroy(ret->plan);
    ret->serdes = NULL;
    ret->plan = NULL;
    return false;
}

void st_formed_finish(struct st_formed *formed)
{
    st_serde_flow_destroy(formed->serdes);
    st_plan_destroy(formed->plan);
    st_topology_destroy(formed->topology);
    for (size_t i = 0; i < formed->n_nodes; i++) {
        const struct st_formed_node *node = &formed->nodes[i];
        if (node->form && node->form->release) node->form->release(node->conf);
    }
    *formed = (struct st_formed){0};
}
