/* SPDX-License-Identifier: Apache-2.0
 *
 * Following a topic: all partitions into one queue of the simple consumer, read_committed, records counted. A restarted
 * broker is the client's business; a partition that was never there at the start is asked for again by the client.
 * Threads: one owner.
 */
#include "tests/lib/check.h"
#include "tests/lib/read.h"
#include "tests/lib/wait.h"

#define BLOCK 1024

struct t_tail {
    rd_kafka_t *rk;
    rd_kafka_topic_t *rkt;
    rd_kafka_queue_t *queue;
    int partitions;
    int64_t count;
};

struct t_tail *t_tail_open(const char *brokers, const char *topic, int partitions)
{
    struct t_tail *tail = t_alloc(sizeof *tail);
    const char *properties[] = {"isolation.level=read_committed", "fetch.wait.max.ms=100",
                                "fetch.error.backoff.ms=200", "queued.max.messages.kbytes=16384", NULL};
    tail->rk = t_client(RD_KAFKA_CONSUMER, brokers, properties);
    tail->rkt = rd_kafka_topic_new(tail->rk, topic, NULL);
    tail->queue = rd_kafka_queue_new(tail->rk);
    tail->partitions = partitions;
    for (int p = 0; p < partitions; p++) {
        if (rd_kafka_consume_start_queue(tail->rkt, p, RD_KAFKA_OFFSET_BEGINNING, tail->queue) != 0)
            T_FAIL("%s[%d]: %s", topic, p, rd_kafka_err2str(rd_kafka_last_error()));
    }
    return tail;
}

int64_t t_tail_poll(struct t_tail *tail, int wait_ms)
{
    rd_kafka_message_t *block[BLOCK];
    int64_t deadline = t_now_ms() + wait_ms;
    do {
        int64_t left = deadline - t_now_ms();
        ssize_t n = rd_kafka_consume_batch_queue(tail->queue, left > 0 ? (int)left : 0, block, BLOCK);
        for (ssize_t i = 0; i < n; i++) {
            if (!block[i]->err) tail->count++;
            rd_kafka_message_destroy(block[i]);
        }
    } while (t_now_ms() < deadline);
    return tail->count;
}

int64_t t_tail_wait(struct t_tail *tail, int64_t n, int64_t timeout_ms)
{
    int64_t deadline = t_now_ms() + timeout_ms;
    while (tail->count < n && t_now_ms() < deadline) t_tail_poll(tail, 50);
    return tail->count;
}

void t_tail_close(struct t_tail *tail)
{
    if (!tail) return;
    for (int p = 0; p < tail->partitions; p++) rd_kafka_consume_stop(tail->rkt, p);
    rd_kafka_queue_destroy(tail->queue);
    rd_kafka_topic_destroy(tail->rkt);
    rd_kafka_destroy(tail->rk);
    free(tail);
}
