/* SPDX-License-Identifier: Apache-2.0
 *
 * Forms: the node types of a topology in a configuration file. A form is a name ("filter"), its option rows, and a function that
 * adds what the group says to the topology. They are listed in streams/forms/form.def; help, man page and completeness tests come
 * out of that list.
 *
 * Threads: the main thread, while a configuration is read.
 */
#ifndef AQ_STREAMS_FORMS_FORM_H
#define AQ_STREAMS_FORMS_FORM_H

#include "conf/opt.h"
#include "streams/serde/serde_flow.h"
#include "streams/settings.h"
#include "streams/topology/topology.h"
#include "transforms/chain.h"

struct st_formed;
struct st_formed_node;

/* What a form is given to build with. */
struct st_forming {
    struct st_topology *topology;
    const struct st_settings *settings;
    struct xf_library *library; /* the `transforms` and `predicates` sections */
    struct aq_arena *arena;     /* lives as long as the topology */
    struct conf_diags *diags;
    const struct st_formed *formed; /* the nodes of the file, and in check() their serdes */
    bool of_table;                  /* what reaches the node are changes of a table's rows */
    const char *what;               /* "streams.topology.NAME", for messages */
    const char *name;               /* of the node */
    const struct conf_node *group;  /* for places in messages */
    const struct conf_node *around; /* where options are that `group` does not have; NULL: nowhere */
    struct st_formed_node *node; /* what was read so far; a form that makes several nodes sets its entries */
    struct st_parents parents;   /* more_later: streams/forms/form.c adds the edges that `from` names */
};

struct st_form {
    const char *name;
    const char *summary;
    const char *example; /* a topology that loads and has this form in it */
    const struct opt_row *rows;
    size_t conf_size;
    bool reads;            /* takes no `from`: a source, or a form with read_from() */
    const char *childless; /* why no node can name it in `from`; NULL: nodes can */
    bool
        behind; /* add() needs the parents, and makes the edges itself: it runs when all nodes of `from` are there */
    bool behind_tables; /* the same for a node that is of a table */
    /* Reads more than rows can: sets forming->node->from, whatever it complains about. NULL: there is no more. */
    void (*read_from)(const struct st_forming *forming, void *conf);
    /* By what was read (complaints or not): is what the node makes a table? NULL: never. */
    bool (*makes_table)(const void *conf, bool of_table);
    /* Adds the node or nodes; complaints go to forming->diags at the group's places. `conf` lives in the arena. */
    void (*add)(const struct st_forming *forming, void *conf);
    /* Once it is known in which serdes records reach the node, in a topology without errors so far. May be NULL. */
    void (*check)(const struct st_forming *forming, void *conf, struct st_serdes in);
    void (*release)(void *conf); /* frees what the two above made besides the arena; may be NULL */
};

extern const struct st_form *const st_forms[];
extern const size_t st_n_forms;
const struct st_form *st_form_find(const char *name);

/* The options of every node besides its form's own; for printing. */
extern const struct opt_table st_node_table;
/* A form as an option table, so that one printer serves both. */
struct opt_table st_form_options(const struct st_form *form);

/* One node as it was read; for dumps. */
struct st_formed_node {
    const char *name;
    const struct st_form *form; /* NULL: it has errors, which were reported */
    void *conf;
    struct opt_strings from;
    const struct conf_node *group;
    /* The nodes that get the records: one for all of `from`, or one for each, in their order. NULL: the node of this name. */
    const char *const *entries;
    size_t n_entries;
    bool made;   /* add() has run */
    bool broken; /* something about it, or about a transform it uses, was complained about */
    bool is_table;
    const char *table_store;  /* of its rows, for joins; NULL: they are kept nowhere. Set by add(). */
    const char *table_hint;   /* without a store: what to do for one; NULL: put a to_table behind it */
    int64_t table_history_ms; /* that store is a versioned one; 0: it is none */
};

/* A topology made of a configuration. */
struct st_formed {
    struct st_topology *topology;
    struct st_plan *plan;         /* NULL unless everything is right; */
    struct st_serde_flow *serdes; /* so is this */
    struct st_formed_node *nodes; /* in the order of the file; in the arena */
    size_t n_nodes;
};

/* Reads settings->topology. All complaints go to diags; true without any error, and then plan and serdes are there. The document,
 * the arena, the settings and the library must outlive *ret, which is finished either way. */
bool st_form_topology(const struct st_settings *settings, struct xf_library *library, struct aq_arena *arena,
                      struct conf_diags *diags, struct st_formed *ret);
/* The node of the file; NULL when there is none of that name. */
const struct st_formed_node *st_formed_find(const struct st_formed *formed, const char *name);
/* Is it a global table? */
bool st_formed_is_global(const struct st_formed *formed, const char *name);
/* How key and value lie in what leaves a node of the topology, or in its global table. There is a plan, and serdes are known. */
struct st_serdes st_formed_sends(const struct st_formed *formed, const char *name);
void st_formed_finish(struct st_formed *formed);

#endif
