/* SPDX-License-Identifier: Apache-2.0
 *
 * The folder of an application's stores: state_dir/APPLICATION_ID, the owner's alone. Somebody else's folder is refused: state_dir may
 * lie where everybody can write.
 */
#include "streams/state/dbs.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"

#define PATH_MOST 4096

static int make_folder(const char *path, struct aq_err *err)
{
    struct stat found;
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return aq_fail(err, AQ_E_CONFIG, "state_dir: cannot make %s: %s", path, strerror(errno));
    if (stat(path, &found) != 0) return aq_fail(err, AQ_E_CONFIG, "state_dir: %s: %s", path, strerror(errno));
    if (!S_ISDIR(found.st_mode)) return aq_fail(err, AQ_E_CONFIG, "state_dir: %s is no folder", path);
    return 0;
}

/* state_dir and all folders in front of it. */
static int make_folders(char *path, struct aq_err *err)
{
    for (char *p = path + 1; *p; p++) {
        if (*p != '/') continue;
        *p = '\0';
        int rc = make_folder(path, err);
        *p = '/';
        if (rc != 0) return rc;
    }
    return make_folder(path, err);
}

static int check_owner(const char *path, struct aq_err *err)
{
    struct stat found;
    if (stat(path, &found) != 0) return aq_fail(err, AQ_E_CONFIG, "state_dir: %s: %s", path, strerror(errno));
    if (found.st_uid == geteuid()) return 0;
    return aq_fail(err, AQ_E_CONFIG,
                   "state_dir: %s belongs to another user (uid %u); name a folder of your own", path,
                   (unsigned)found.st_uid);
}

static int path_of(const struct st_settings *settings, char path[PATH_MOST], struct aq_err *err)
{
    int len = snprintf(path, PATH_MOST, "%s/%s", settings->state_dir, settings->application_id);
    if (len > 0 && len < PATH_MOST) return 0;
    return aq_fail(err, AQ_E_CONFIG, "state_dir: the path is too long");
}

static bool any_on_disk(const struct st_topology *topology)
{
    for (size_t i = 0; i < topology->n_stores; i++)
        if (!topology->stores[i]->conf.in_memory) return true;
    return false;
}

void st_dbs_open_memory(struct st_dbs *ret)
{
    static const struct st_db_conf conf = {.path = ""};
    *ret = (struct st_dbs){0};
    int rc = st_db_memory.open(&conf, &ret->memory, NULL);
    AQ_ASSERT(rc == 0);
    ret->claims = st_claims_create();
}

int st_dbs_open(const struct st_settings *settings, const struct st_topology *topology, struct st_dbs *ret,
                struct aq_err *err)
{
    char path[PATH_MOST];
    *ret = (struct st_dbs){0};
    if (topology->n_stores == 0) return 0;
    st_dbs_open_memory(ret);
    if (!any_on_disk(topology)) return 0;
    int rc = path_of(settings, path, err);
    if (rc == 0) rc = make_folders(path, err);
    if (rc == 0) rc = check_owner(path, err);
    if (rc != 0) return rc;
    const struct st_db_conf conf = {.path = path,
                                    .cache_bytes = (uint64_t)settings->block_cache_bytes,
                                    .write_bytes = (uint64_t)settings->write_buffer_bytes};
    ret->disk_kind = &st_db_rocks;
    return st_db_rocks.open(&conf, &ret->disk, err);
}

void st_dbs_close(struct st_dbs *dbs)
{
    if (dbs->disk) dbs->disk_kind->close(dbs->disk);
    if (dbs->memory) st_db_memory.close(dbs->memory);
    st_claims_destroy(dbs->claims);
    *dbs = (struct st_dbs){0};
}

uint64_t st_dbs_memory(const struct st_dbs *dbs)
{
    uint64_t bytes = dbs->memory ? st_db_memory.memory(dbs->memory) : 0;
    return dbs->disk ? bytes + dbs->disk_kind->memory(dbs->disk) : bytes;
}
