/* SPDX-License-Identifier: Apache-2.0
 *
 * The peer of the benchmarks of state: the same topologies as Kafka Streams programs, in the DSL, with the serdes that come with it.
 *
 *   KafkaStreamsState PROPERTIES CASE EVENTS ROWS OUTPUT
 *
 * CASE is count, windows, sessions or join; ROWS is the table's topic, which only join reads. Kafka Streams gives each store, and each
 * segment of a window store, a block cache and write buffers of its own; Bounds lets all of them share one of each, as its documentation
 * tells those who want a bound: -Dbench.block.cache and -Dbench.write.buffer in bytes.
 *
 * Each restored store is a line on standard output, with the wall clock's milliseconds at its begin and end. The program runs until
 * SIGTERM; when a stream thread dies it ends with code 1, so that a failure is never taken for a slow run.
 */
import java.io.FileInputStream;
import java.io.InputStream;
import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.WindowedSerdes;
import org.apache.kafka.streams.processor.StateRestoreListener;
import org.apache.kafka.streams.state.RocksDBConfigSetter;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.Cache;
import org.rocksdb.LRUCache;
import org.rocksdb.Options;
import org.rocksdb.RocksDB;
import org.rocksdb.WriteBufferManager;

public final class KafkaStreamsState {
    private static final Duration WINDOW = Duration.ofMinutes(1);
    private static final Duration GAP = Duration.ofSeconds(10);
    private static final Duration GRACE = Duration.ofSeconds(10);
    private static final String STORE = "rows";

    private KafkaStreamsState() {}

    /* Write buffers are charged to the cache, so the cache is as large as both together. */
    public static final class Bounds implements RocksDBConfigSetter {
        private static final Cache CACHE;
        private static final WriteBufferManager BUFFERS;

        static {
            RocksDB.loadLibrary();
            long buffers = Long.getLong("bench.write.buffer");
            CACHE = new LRUCache(Long.getLong("bench.block.cache") + buffers);
            BUFFERS = new WriteBufferManager(buffers, CACHE);
        }

        @Override
        public void setConfig(String store, Options options, Map<String, Object> configs) {
            BlockBasedTableConfig table = (BlockBasedTableConfig) options.tableFormatConfig();
            table.setBlockCache(CACHE);
            table.setCacheIndexAndFilterBlocks(true);
            options.setTableFormatConfig(table);
            options.setWriteBufferManager(BUFFERS);
        }

        @Override
        public void close(String store, Options options) {}
    }

    private static final class Listener implements StateRestoreListener {
        private final Map<TopicPartition, Long> begun = new ConcurrentHashMap<>();

        @Override
        public void onRestoreStart(TopicPartition of, String store, long from, long to) {
            begun.put(of, System.currentTimeMillis());
        }

        @Override
        public void onBatchRestored(TopicPartition of, String store, long offset, long count) {}

        @Override
        public void onRestoreEnd(TopicPartition of, String store, long records) {
            System.out.printf("restored partition=%d records=%d begin_ms=%d end_ms=%d%n", of.partition(), records,
                begun.get(of), System.currentTimeMillis());
        }
    }

    private static KGroupedStream<String, byte[]> grouped(StreamsBuilder builder, String events) {
        return builder.stream(events, Consumed.with(Serdes.String(), Serdes.ByteArray()))
            .groupByKey(Grouped.with(Serdes.String(), Serdes.ByteArray()));
    }

    private static void join(StreamsBuilder builder, String events, String rows, String output) {
        KTable<String, String> table =
            builder.table(rows, Consumed.with(Serdes.String(), Serdes.String()), Materialized.as(STORE));
        builder.stream(events, Consumed.with(Serdes.String(), Serdes.String()))
            .join(table, (left, right) -> left + "|" + right,
                Joined.with(Serdes.String(), Serdes.String(), Serdes.String()))
            .to(output, Produced.with(Serdes.String(), Serdes.String()));
    }

    private static void build(StreamsBuilder builder, String what, String events, String rows, String output) {
        switch (what) {
            case "count" -> grouped(builder, events)
                .count(Materialized.as(STORE))
                .toStream()
                .to(output, Produced.with(Serdes.String(), Serdes.Long()));
            case "windows" -> grouped(builder, events)
                .windowedBy(TimeWindows.ofSizeAndGrace(WINDOW, GRACE))
                .count(Materialized.as(STORE))
                .toStream()
                .to(output, Produced.with(
                    WindowedSerdes.timeWindowedSerdeFrom(String.class, WINDOW.toMillis()), Serdes.Long()));
            case "sessions" -> grouped(builder, events)
                .windowedBy(SessionWindows.ofInactivityGapAndGrace(GAP, GRACE))
                .count(Materialized.as(STORE))
                .toStream()
                .to(output, Produced.with(WindowedSerdes.sessionWindowedSerdeFrom(String.class), Serdes.Long()));
            case "join" -> join(builder, events, rows, output);
            default -> throw new IllegalArgumentException(what);
        }
    }

    public static void main(String[] args) throws Exception {
        if (args.length != 5) {
            System.err.println("usage: KafkaStreamsState PROPERTIES CASE EVENTS ROWS OUTPUT");
            System.exit(64);
        }
        Properties properties = new Properties();
        try (InputStream file = new FileInputStream(args[0])) {
            properties.load(file);
        }
        properties.put("rocksdb.config.setter", Bounds.class);
        StreamsBuilder builder = new StreamsBuilder();
        build(builder, args[1], args[2], args[3], args[4]);

        KafkaStreams streams = new KafkaStreams(builder.build(properties), properties);
        CountDownLatch ended = new CountDownLatch(1);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.setGlobalStateRestoreListener(new Listener());
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.ERROR) ended.countDown();
        });
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
        ended.await();
        System.exit(1);
    }
}
