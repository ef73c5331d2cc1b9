/* SPDX-License-Identifier: Apache-2.0
 *
 * Records whose delivery was never answered, and an abort before they could be sent again: the next transaction must
 * not lose as many records of its own.
 *
 * What made it fail: the client (librdkafka, every version so far) gives the sequence numbers of such records to the
 * next ones, and a broker that had the first in its log takes the second for their repetition: it answers "delivered"
 * and writes nothing. So a transactional producer whose abort threw records away is used no more.
 *
 * The broker's answer is held back by freezing a follower (acks=all waits for it), the leader is frozen once the
 * records are in its log, and the client's connection to it is cut: the records are back in the client's queue then,
 * and stay there, since a frozen broker accepts connections and says nothing.
 */
#include <glob.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "tests/lib/check.h"
#include "tests/lib/kc_stage.h"
#include "tests/lib/pair.h"
#include "tests/lib/wait.h"

#define RECORDS 100
#define STEP_MS 10000
#define MAX_FDS 1024

struct place {
    int leader;
    int follower;
    int port; /* of the leader */
};

static struct place find_place(const struct stage *stage)
{
    rd_kafka_t *rk = stage->producer->client.rk;
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rk, stage->topic, NULL);
    const struct rd_kafka_metadata *metadata;
    T_CHECK(!rd_kafka_metadata(rk, 0, topic, &metadata, STEP_MS), "no metadata");
    const rd_kafka_metadata_partition_t *partition = &metadata->topics[0].partitions[0];
    T_CHECK(partition->isr_cnt == 3, "%d in-sync replicas, not 3", partition->isr_cnt);
    struct place place = {.leader = partition->leader};
    for (int i = 0; i < partition->replica_cnt; i++)
        if (partition->replicas[i] != partition->leader) place.follower = partition->replicas[i];
    for (int i = 0; i < metadata->broker_cnt; i++)
        if (metadata->brokers[i].id == place.leader) place.port = metadata->brokers[i].port;
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(topic);
    return place;
}

/* Bytes in the leader's log of partition 0, which is the one thing that tells "appended" from "delivered". */
static int64_t log_bytes(const struct stage *stage, const struct place *place)
{
    char pattern[512];
    snprintf(pattern, sizeof pattern, "%s/%s/sink/%d/data/%s-0/*.log", getenv("AQUEDUCT_CLUSTERS_DIR"),
             getenv("AQUEDUCT_CLUSTERS_NAME"), place->leader, stage->topic);
    glob_t found;
    int64_t sum = 0;
    if (glob(pattern, 0, NULL, &found) != 0) return -1;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        struct stat about;
        if (stat(found.gl_pathv[i], &about) == 0) sum += about.st_size;
    }
    globfree(&found);
    return sum;
}

/* The local port of this process's connection `fd` to 127.0.0.1:port; 0 when it is none. */
static int local_port(int fd, int port)
{
    struct sockaddr_in peer, self;
    socklen_t size = sizeof peer;
    if (getpeername(fd, (struct sockaddr *)&peer, &size) != 0 || peer.sin_family != AF_INET) return 0;
    if (ntohs(peer.sin_port) != port) return 0;
    size = sizeof self;
    return getsockname(fd, (struct sockaddr *)&self, &size) == 0 ? ntohs(self.sin_port) : 0;
}

static int cut(int port, int cut_ports[MAX_FDS])
{
    int n = 0;
    for (int fd = 3; fd < MAX_FDS; fd++) {
        int local = local_port(fd, port);
        if (!local) continue;
        cut_ports[n++] = local;
        shutdown(fd, SHUT_RDWR);
    }
    return n;
}

static bool is_any_open(int port, const int *cut_ports, int n)
{
    for (int fd = 3; fd < MAX_FDS; fd++) {
        int local = local_port(fd, port);
        for (int i = 0; i < n; i++)
            if (local == cut_ports[i]) return true;
    }
    return false;
}

/* Sends the batch so that the leader has it and the client does not know, and aborts. */
static void send_unanswered_and_abort(struct stage *stage, const struct place *place, struct aq_batch *batch)
{
    struct aq_err err = {0};
    t_clusters("pause", "sink", place->follower);
    int64_t before = log_bytes(stage, place);
    kt_check(ops->producer_send(stage->producer, batch, &err), &err, "send");
    T_CHECK(batch->produced == RECORDS, "%u of %d records taken", batch->produced, RECORDS);
    T_CHECK(T_WAIT(STEP_MS, log_bytes(stage, place) > before), "nothing was appended");
    t_clusters("pause", "sink", place->leader);
    T_CHECK(ops->producer_in_flight(stage->producer, NULL) == RECORDS, "the answer was not held back");

    int cut_ports[MAX_FDS];
    int n = cut(place->port, cut_ports);
    T_CHECK(n > 0, "no connection to the leader");
    T_CHECK(T_WAIT(STEP_MS, !is_any_open(place->port, cut_ports, n)), "the client keeps its connection");
    kt_check(ops->txn_abort(stage->producer, &err), &err, "abort");
    T_CHECK(T_WAIT(STEP_MS, ops->producer_in_flight(stage->producer, NULL) == 0), "the records are not back");
    t_clusters("cont", "sink", place->leader);
    t_clusters("cont", "sink", place->follower);
    kt_check(kt_wait_txn(stage->producer, KC_TXN_ABORTING, &err), &err, "abort");
    struct kc_drained drained;
    ops->producer_drain(stage->producer, 0, &drained);
    T_CHECK(drained.done == batch, "the batch did not come back");
}

static void an_abort_with_unanswered_records_costs_no_later_ones(void **state)
{
    (void)state;
    struct stage stage;
    struct aq_err err = {0};
    env.replicas = 3;
    set_up(&stage);
    begin(&stage);
    send_data(&stage, 1); /* so that the partition is in the transaction and the leader is connected */
    kt_check(commit(&stage, stage.membership, 1, &err), &err, "commit");

    struct place place = find_place(&stage);
    begin(&stage);
    send_data(&stage, 1);
    struct aq_batch batch;
    aq_batch_init(&batch, RECORDS);
    fill(&batch, stage.topic, RECORDS);
    send_unanswered_and_abort(&stage, &place, &batch);
    if (ops->txn_tainted(stage.producer)) replace_producer(&stage);

    begin(&stage);
    batch.produced = 0;
    kt_send_all(stage.producer, &batch);
    kt_check(commit(&stage, stage.membership, 1, &err), &err, "commit");
    assert_int_equal(count_committed(stage.topic), 1 + RECORDS);
    aq_batch_finish(&batch);
    tear_down(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_abort_with_unanswered_records_costs_no_later_ones),
    };
    return cmocka_run_group_tests_name("lost answers", tests, kt_setup, kt_teardown);
}
