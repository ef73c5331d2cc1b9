/* SPDX-License-Identifier: Apache-2.0
 *
 * Rows: the operators of the oracle that keep rows, by the DSL of Kafka Streams; and the rows of rows.def, which has one of the same id and
 * the same meaning for each here. Oracle.java says what a scenario is.
 *
 * Every store is Kafka Streams' default, RocksDB, with a name and cached or not as the scenario says. Where an aggregation's result
 * is not what it stores, Kafka Streams has an aggregation and a mapValues() where we have one node.
 */
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.BiFunction;
import java.util.function.BinaryOperator;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.CogroupedKStream;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.GlobalKTable;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Initializer;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KGroupedTable;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.KeyValueMapper;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Predicate;
import org.apache.kafka.streams.kstream.SessionWindowedKStream;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.TableJoined;
import org.apache.kafka.streams.kstream.TimeWindowedKStream;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.ValueJoiner;
import org.apache.kafka.streams.kstream.ValueMapperWithKey;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

final class Rows {
    private final StreamsBuilder builder;
    /** Those of windows are here, too, as Kafka Streams has it. */
    private final Map<String, KTable<Object, Object>> tables = new HashMap<>();
    private final Map<String, GlobalKTable<Object, Object>> globals = new HashMap<>();

    Rows(StreamsBuilder builder) {
        this.builder = builder;
    }

    static boolean makes(Oracle.Line node) {
        return switch (node.get("op")) {
            case "table", "to_table", "join_tables", "suppress", "count", "reduce", "aggregate" -> true;
            case "filter", "filter_not", "map_values" -> isOfTable(node);
            default -> false;
        };
    }

    private static boolean isOfTable(Oracle.Line node) {
        return node.fields().containsKey("of");
    }

    boolean has(String name) {
        return tables.containsKey(name);
    }

    /** The changes of a table as records; a node of Kafka Streams' own for each that reads them. */
    KStream<Object, Object> changes(String name) {
        return tables.get(name).toStream();
    }

    /** in: where the node reads records; null where it reads a table or a topic. */
    void add(Oracle.Line node, KStream<Object, Object> in) {
        String name = node.get("name");
        tables.put(name, switch (node.get("op")) {
            case "table" -> builder.table(node.get("topics"),
                Consumed.with(Oracle.serde(node.get("key")), Oracle.serde(node.get("value"))), kept(node));
            case "to_table" -> in.toTable(Named.as(name), kept(node));
            case "filter" -> filtered(node, false);
            case "filter_not" -> filtered(node, true);
            case "map_values" -> mapped(node);
            case "join_tables" -> joinTables(node);
            case "suppress" -> suppress(node);
            default -> isOfTable(node) ? ofTable(node) : ofStream(node, in);
        });
    }

    private KTable<Object, Object> parent(Oracle.Line node) {
        return tables.get(node.list("from").get(0));
    }

    // ---- stores ------------------------------------------------------------------------------------------------------

    private static Duration ms(Oracle.Line node, String field) {
        return Duration.ofMillis(number(node, field));
    }

    private static long number(Oracle.Line node, String field) {
        return Long.parseLong(node.fields().getOrDefault(field, "0"));
    }

    private static <T extends org.apache.kafka.streams.processor.StateStore> Materialized<Object, Object, T> cached(
            Oracle.Line node, Materialized<Object, Object, T> rows) {
        return node.get("cached").equals("yes") ? rows.withCachingEnabled() : rows.withCachingDisabled();
    }

    private static Materialized<Object, Object, KeyValueStore<Bytes, byte[]>> kept(Oracle.Line node) {
        Serde<Object> key = Oracle.serde(node.get("key")), value = Oracle.serde(node.get("value"));
        if (number(node, "history") > 0) {
            return Materialized.<Object, Object>as(
                Stores.persistentVersionedKeyValueStore(node.get("name"), ms(node, "history")))
                .withKeySerde(key).withValueSerde(value);
        }
        return cached(node, Materialized.<Object, Object, KeyValueStore<Bytes, byte[]>>as(node.get("name"))
            .withKeySerde(key).withValueSerde(value));
    }

    /** Of a table that is worked out of others, and kept. */
    private static Materialized<Object, Object, KeyValueStore<Bytes, byte[]>> view(Oracle.Line node) {
        Materialized<Object, Object, KeyValueStore<Bytes, byte[]>> rows = Materialized.as(node.get("name") + "-rows");
        rows = rows.withKeySerde(Oracle.serde(node.get("key"))).withValueSerde(Oracle.serde(node.get("value")));
        return node.get("kept").equals("uncached") ? rows.withCachingDisabled() : rows;
    }

    /** Without a store there is no Materialized either: with one a versioned table would end there. */
    private KTable<Object, Object> filtered(Oracle.Line node, boolean not) {
        Predicate<Object, Object> where = (k, v) -> Oracle.holds(node, "fn", k, v);
        Named named = Named.as(node.get("name"));
        KTable<Object, Object> table = parent(node);
        if (!node.fields().containsKey("kept")) {
            return not ? table.filterNot(where, named) : table.filter(where, named);
        }
        return not ? table.filterNot(where, named, view(node)) : table.filter(where, named, view(node));
    }

    private KTable<Object, Object> mapped(Oracle.Line node) {
        ValueMapperWithKey<Object, Object, Object> map = (k, v) -> Oracle.apply(node, "fn", k, v);
        Named named = Named.as(node.get("name"));
        return node.fields().containsKey("kept")
            ? parent(node).mapValues(map, named, view(node)) : parent(node).mapValues(map, named);
    }

    // ---- aggregations ------------------------------------------------------------------------------------------------

    private static Grouped<Object, Object> grouped(Oracle.Line node) {
        return Grouped.with(node.get("name") + "-by", Oracle.serde(node.get("group_key")),
            Oracle.serde(node.get("group_value")));
    }

    private static Row row(Oracle.Line node) {
        return rowOf(node.list("row").get(0));
    }

    private static Row rowOf(String id) {
        String[] parts = id.split(":");
        Function<Integer, Row> maker = Objects.requireNonNull(MENU.get(parts[0]), () -> "no row " + parts[0]);
        return maker.apply(Integer.valueOf(parts[1]));
    }

    /** What goes on, where that is not the row. */
    @SuppressWarnings({"unchecked", "rawtypes"})
    private static KTable<Object, Object> results(Row row, KTable rows) {
        return row.result == null ? rows : rows.mapValues(v -> row.result.apply(v));
    }

    private static Serde<Object> rowSerde(Oracle.Line node, Row row) {
        return row.result == null ? Oracle.serde(node.get("value")) : new AnySerde();
    }

    private KTable<Object, Object> ofTable(Oracle.Line node) {
        KGroupedTable<Object, Object> groups = parent(node).groupBy(
            (k, v) -> new KeyValue<>(Oracle.apply(node, "fn", k, v), v), grouped(node));
        Row row = row(node);
        Materialized<Object, Object, KeyValueStore<Bytes, byte[]>> rows =
            cached(node, Materialized.<Object, Object, KeyValueStore<Bytes, byte[]>>as(node.get("name"))
                .withKeySerde(Oracle.serde(node.get("group_key"))).withValueSerde(rowSerde(node, row)));
        Named named = Named.as(node.get("name"));
        return switch (node.get("op")) {
            case "count" -> count(groups, node);
            case "reduce" -> groups.reduce(row.add::apply, row.subtract::apply, named, rows);
            default -> results(row, groups.aggregate(() -> row.initial, (k, v, agg) -> row.add.apply(agg, v),
                (k, v, agg) -> row.subtract.apply(agg, v), named, rows));
        };
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static KTable<Object, Object> count(KGroupedTable<Object, Object> groups, Oracle.Line node) {
        return groups.count(Named.as(node.get("name")), (Materialized) stored(node));
    }

    private static Materialized<Object, Object, KeyValueStore<Bytes, byte[]>> stored(Oracle.Line node) {
        return cached(node, Materialized.<Object, Object, KeyValueStore<Bytes, byte[]>>as(node.get("name"))
            .withKeySerde(Oracle.serde(node.get("group_key"))).withValueSerde(rowSerde(node, row(node))));
    }

    private KTable<Object, Object> ofStream(Oracle.Line node, KStream<Object, Object> in) {
        KGroupedStream<Object, Object> groups = node.fields().containsKey("by")
            ? in.groupBy((k, v) -> Oracle.apply(node, "fn", k, v), grouped(node))
            : in.groupByKey(grouped(node));
        String windows = node.fields().getOrDefault("windows", "none");
        return switch (windows) {
            case "none" -> plain(node, groups);
            case "session" -> sessions(node, groups.windowedBy(
                SessionWindows.ofInactivityGapAndGrace(ms(node, "size"), ms(node, "grace"))));
            case "sliding" -> windowed(node, groups.windowedBy(
                SlidingWindows.ofTimeDifferenceAndGrace(ms(node, "size"), ms(node, "grace"))));
            case "hopping" -> windowed(node, groups.windowedBy(
                TimeWindows.ofSizeAndGrace(ms(node, "size"), ms(node, "grace")).advanceBy(ms(node, "advance"))));
            default -> windowed(node, groups.windowedBy(
                TimeWindows.ofSizeAndGrace(ms(node, "size"), ms(node, "grace"))));
        };
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static KTable<Object, Object> plain(Oracle.Line node, KGroupedStream<Object, Object> groups) {
        Row row = row(node);
        Named named = Named.as(node.get("name"));
        return switch (node.get("op")) {
            case "count" -> groups.count(named, (Materialized) stored(node));
            case "reduce" -> groups.reduce(row.add::apply, named, stored(node));
            default -> results(row,
                groups.aggregate(() -> row.initial, (k, v, agg) -> row.add.apply(agg, v), named, stored(node)));
        };
    }

    private static EmitStrategy emit(Oracle.Line node) {
        return node.fields().containsKey("emit") ? EmitStrategy.onWindowClose() : EmitStrategy.onWindowUpdate();
    }

    private static <T extends org.apache.kafka.streams.processor.StateStore> Materialized<Object, Object, T> windowRows(
            Oracle.Line node, Materialized<Object, Object, T> rows) {
        Materialized<Object, Object, T> all = cached(node,
            rows.withKeySerde(Oracle.serde(node.get("group_key"))).withValueSerde(rowSerde(node, row(node))));
        return number(node, "retention") > 0 ? all.withRetention(ms(node, "retention")) : all;
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static KTable<Object, Object> windowed(Oracle.Line node, TimeWindowedKStream<Object, Object> windows) {
        Row row = row(node);
        Named named = Named.as(node.get("name"));
        TimeWindowedKStream<Object, Object> emitting = windows.emitStrategy(emit(node));
        Materialized<Object, Object, WindowStore<Bytes, byte[]>> rows = windowRows(node, Materialized.as(node.get("name")));
        return switch (node.get("op")) {
            case "count" -> emitting.count(named, (Materialized) rows);
            case "reduce" -> (KTable) emitting.reduce(row.add::apply, named, rows);
            default -> results(row,
                emitting.aggregate(() -> row.initial, (k, v, agg) -> row.add.apply(agg, v), named, rows));
        };
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static KTable<Object, Object> sessions(Oracle.Line node, SessionWindowedKStream<Object, Object> windows) {
        Row row = row(node);
        Named named = Named.as(node.get("name"));
        SessionWindowedKStream<Object, Object> emitting = windows.emitStrategy(emit(node));
        Materialized<Object, Object, SessionStore<Bytes, byte[]>> rows = windowRows(node, Materialized.as(node.get("name")));
        return switch (node.get("op")) {
            case "count" -> emitting.count(named, (Materialized) rows);
            case "reduce" -> (KTable) emitting.reduce(row.add::apply, named, rows);
            default -> results(row, emitting.aggregate(() -> row.initial, (k, v, agg) -> row.add.apply(agg, v),
                (k, a, b) -> merge(row, a, b), named, rows));
        };
    }

    /** Kafka Streams begins with the initial row; we with the first of those that become one. */
    private static Object merge(Row row, Object a, Object b) {
        return Objects.equals(a, row.initial) ? b : row.merge.apply(a, b);
    }

    // ---- cogroup -----------------------------------------------------------------------------------------------------

    /** in: its inputs in order; row, group_values and by_calls have one entry for each. */
    void addCogroup(Oracle.Line node, List<KStream<Object, Object>> in) {
        List<String> ids = node.list("row"), values = node.list("group_values"), calls = node.list("by_calls");
        List<String> from = node.list("from");
        CogroupedKStream<Object, Object> all = null;
        for (int i = 0; i < in.size(); i++) {
            Row row = rowOf(ids.get(i));
            String call = calls.get(i);
            Grouped<Object, Object> how = Grouped.with(node.get("name") + "-" + from.get(i) + "-by", Oracle.serde(node.get("group_key")),
                Oracle.serde(values.get(i)));
            KGroupedStream<Object, Object> groups = call.equals("none") ? in.get(i).groupByKey(how)
                : in.get(i).groupBy((k, v) -> Oracle.apply(node, call, k, v), how);
            all = all == null ? groups.cogroup((k, v, agg) -> row.add.apply(agg, v))
                : all.cogroup(groups, (k, v, agg) -> row.add.apply(agg, v));
        }
        tables.put(node.get("name"), results(rowOf(ids.get(0)), cogrouped(node, rowOf(ids.get(0)), all)));
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static KTable<Object, Object> cogrouped(Oracle.Line node, Row row, CogroupedKStream<Object, Object> all) {
        Named named = Named.as(node.get("name"));
        Initializer<Object> initial = () -> row.initial;
        String windows = node.fields().getOrDefault("windows", "none");
        Materialized<Object, Object, WindowStore<Bytes, byte[]>> rows = windowRows(node, Materialized.as(node.get("name")));
        return (KTable) switch (windows) {
            case "none" -> all.aggregate(initial, named, stored(node));
            case "session" -> all.windowedBy(SessionWindows.ofInactivityGapAndGrace(ms(node, "size"), ms(node, "grace")))
                .aggregate(initial, (k, a, b) -> merge(row, a, b), named,
                    windowRows(node, Materialized.<Object, Object, SessionStore<Bytes, byte[]>>as(node.get("name"))));
            case "sliding" -> all.windowedBy(
                SlidingWindows.ofTimeDifferenceAndGrace(ms(node, "size"), ms(node, "grace"))).aggregate(initial, named, rows);
            case "hopping" -> all.windowedBy(TimeWindows.ofSizeAndGrace(ms(node, "size"), ms(node, "grace"))
                .advanceBy(ms(node, "advance"))).aggregate(initial, named, rows);
            default -> all.windowedBy(
                TimeWindows.ofSizeAndGrace(ms(node, "size"), ms(node, "grace"))).aggregate(initial, named, rows);
        };
    }

    // ---- global tables -----------------------------------------------------------------------------------------------

    void addGlobal(Oracle.Line node) {
        Serde<Object> key = Oracle.serde(node.get("key")), value = Oracle.serde(node.get("value"));
        globals.put(node.get("name"), builder.globalTable(node.get("topics"), Consumed.with(key, value),
            Materialized.<Object, Object, KeyValueStore<Bytes, byte[]>>as(node.get("name"))
                .withKeySerde(key).withValueSerde(value)));
    }

    KStream<Object, Object> joinGlobal(Oracle.Line node, KStream<Object, Object> left) {
        GlobalKTable<Object, Object> right = globals.get(node.list("from").get(1));
        KeyValueMapper<Object, Object, Object> key =
            (k, v) -> node.fields().containsKey("fn") ? Oracle.apply(node, "fn", k, v) : k;
        Named named = Named.as(node.get("name"));
        return node.get("kind").equals("inner")
            ? left.join(right, key, joiner(node), named) : left.leftJoin(right, key, joiner(node), named);
    }

    // ---- joins -------------------------------------------------------------------------------------------------------

    /** A value as text, for results that show both sides. */
    private static String half(String type, Object value) {
        if (value == null) {
            return "nil";
        }
        return switch (type) {
            case "double" -> String.valueOf((long) Math.floor((Double) value));
            case "bytes" -> new String((byte[]) value, java.nio.charset.StandardCharsets.UTF_8);
            case "any_json" -> "json";
            case "json" -> Objects.requireNonNullElse(Oracle.textField(value, "s"),
                Objects.requireNonNullElse(Oracle.wholeField(value, "n"), "nil").toString());
            default -> value.toString();
        };
    }

    private static long orZero(Object value) {
        return value == null ? 0 : (Long) value;
    }

    private static ValueJoiner<Object, Object, Object> joiner(Oracle.Line node) {
        String a = node.get("left"), b = node.get("right");
        return switch (node.get("joiner")) {
            case "sum" -> (l, r) -> orZero(l) + orZero(r);
            case "left" -> (l, r) -> l;
            case "right" -> (l, r) -> r;
            case "both" -> (l, r) -> l == null || r == null ? null : half(a, l) + "&" + half(b, r);
            default -> (l, r) -> half(a, l) + "+" + half(b, r);
        };
    }

    private KTable<Object, Object> joinTables(Oracle.Line node) {
        KTable<Object, Object> left = parent(node), right = tables.get(node.list("from").get(1));
        if (node.fields().containsKey("foreign")) {
            return joinForeign(node, left, right);
        }
        Named named = Named.as(node.get("name"));
        if (!node.fields().containsKey("kept")) {
            return joinUnkept(node, left, right);
        }
        return switch (node.get("kind")) {
            case "inner" -> left.join(right, joiner(node), named, view(node));
            case "left" -> left.leftJoin(right, joiner(node), named, view(node));
            default -> left.outerJoin(right, joiner(node), named, view(node));
        };
    }

    /** Any Materialized would have a join keep its results. */
    private static KTable<Object, Object> joinUnkept(Oracle.Line node, KTable<Object, Object> left,
                                                     KTable<Object, Object> right) {
        Named named = Named.as(node.get("name"));
        return switch (node.get("kind")) {
            case "inner" -> left.join(right, joiner(node), named);
            case "left" -> left.leftJoin(right, joiner(node), named);
            default -> left.outerJoin(right, joiner(node), named);
        };
    }

    private static KTable<Object, Object> joinForeign(Oracle.Line node, KTable<Object, Object> left,
                                                      KTable<Object, Object> right) {
        BiFunction<Object, Object, Object> key = (k, v) -> Oracle.apply(node, "fn", k, v);
        TableJoined<Object, Object> how = TableJoined.as(node.get("name"));
        if (node.fields().containsKey("kept")) {
            return node.get("kind").equals("inner") ? left.join(right, key, joiner(node), how, view(node))
                : left.leftJoin(right, key, joiner(node), how, view(node));
        }
        // Without a name: only kept where those below want to know what rows were.
        Materialized<Object, Object, KeyValueStore<Bytes, byte[]>> rows = Materialized.<Object, Object,
            KeyValueStore<Bytes, byte[]>>with(Oracle.serde(node.get("key")), Oracle.serde(node.get("value")))
            .withCachingDisabled();
        return node.get("kind").equals("inner")
            ? left.join(right, key, joiner(node), how, rows) : left.leftJoin(right, key, joiner(node), how, rows);
    }

    KStream<Object, Object> joinTable(Oracle.Line node, KStream<Object, Object> left) {
        KTable<Object, Object> right = tables.get(node.list("from").get(1));
        Joined<Object, Object, Object> how = Joined.with(Oracle.serde(node.get("key")), Oracle.serde(node.get("left")),
            Oracle.serde(node.get("right")), node.get("name"), number(node, "grace") > 0 ? ms(node, "grace") : null);
        return node.get("kind").equals("inner")
            ? left.join(right, joiner(node), how) : left.leftJoin(right, joiner(node), how);
    }

    KStream<Object, Object> joinStreams(Oracle.Line node, KStream<Object, Object> left, KStream<Object, Object> right) {
        Duration before = ms(node, "before"), after = ms(node, "after");
        JoinWindows windows = JoinWindows.ofTimeDifferenceAndGrace(before.compareTo(after) > 0 ? before : after,
            ms(node, "grace")).before(before).after(after);
        StreamJoined<Object, Object, Object> how = StreamJoined.with(Oracle.serde(node.get("key")),
            Oracle.serde(node.get("left")), Oracle.serde(node.get("right")))
            .withName(node.get("name")).withStoreName(node.get("name"));
        return switch (node.get("kind")) {
            case "inner" -> left.join(right, joiner(node), windows, how);
            case "left" -> left.leftJoin(right, joiner(node), windows, how);
            default -> left.outerJoin(right, joiner(node), windows, how);
        };
    }

    // ---- suppress ----------------------------------------------------------------------------------------------------

    /** The mapValues() says in which serdes the rows are: some tables do not know. */
    @SuppressWarnings({"unchecked", "rawtypes"})
    private KTable<Object, Object> suppress(Oracle.Line node) {
        long most = number(node, "most");
        boolean ends = node.fields().containsKey("full");
        Suppressed how;
        if (node.get("until").equals("close")) {
            how = Suppressed.untilWindowCloses(most == 0 ? Suppressed.BufferConfig.unbounded()
                : Suppressed.BufferConfig.maxRecords(most).shutDownWhenFull());
        } else if (most == 0) {
            how = Suppressed.untilTimeLimit(ms(node, "limit"), Suppressed.BufferConfig.unbounded());
        } else if (ends) {
            how = Suppressed.untilTimeLimit(ms(node, "limit"),
                Suppressed.BufferConfig.maxRecords(most).shutDownWhenFull());
        } else {
            how = Suppressed.untilTimeLimit(ms(node, "limit"),
                Suppressed.BufferConfig.maxRecords(most).emitEarlyWhenFull());
        }
        KTable<Object, Object> typed = parent(node).mapValues(v -> v,
            Materialized.with(Oracle.serde(node.get("key")), Oracle.serde(node.get("value"))));
        return typed.suppress((Suppressed<Object>) how.withName(node.get("name")));
    }

    // ---- the menu ----------------------------------------------------------------------------------------------------

    /** Null is no row. add and subtract see the row first. result: null where the row is what goes on. */
    record Row(Object initial, BinaryOperator<Object> add, BinaryOperator<Object> subtract, BinaryOperator<Object> merge,
               UnaryOperator<Object> result) {
    }

    private static final Map<String, Function<Integer, Row>> MENU = new HashMap<>();
    private static final ObjectMapper JSON = new ObjectMapper();

    private static void add(String id, Function<Integer, Row> row) {
        if (MENU.put(id, row) != null) {
            throw new IllegalStateException("two rows " + id);
        }
    }

    private static void addReducer(String id, Function<Integer, BinaryOperator<Object>> reduce,
                                   BinaryOperator<Object> subtract) {
        add(id, p -> new Row(null, reduce.apply(p), subtract, null, null));
    }

    /** of: what is aggregated of a value; a value without it leaves the row as it is. */
    private static void addBuiltIn(String id, Function<Object, Object> of, Function<Integer, BinaryOperator<Object>> add,
                                   BinaryOperator<Object> subtract, BinaryOperator<Object> merge,
                                   UnaryOperator<Object> result) {
        add(id, p -> new Row(null, passing(of, add.apply(p)), passing(of, subtract), merge, result));
    }

    private static BinaryOperator<Object> passing(Function<Object, Object> of, BinaryOperator<Object> inner) {
        return (agg, value) -> {
            Object operand = value == null ? null : of.apply(value);
            return operand == null ? agg : inner.apply(agg, operand);
        };
    }

    static {
        addReducers();
        addSums();
        addEnds();
        addLists();
        addExpressions();
    }

    private static void addReducers() {
        addReducer("r_sum", p -> (a, v) -> v == null ? null : (Long) a + (Long) v,
            (a, v) -> v == null ? null : (Long) a - (Long) v);
        addReducer("r_most", p -> (a, v) -> v == null ? a : compare(v, a) > 0 ? v : a, null);
        addReducer("r_last", p -> (a, v) -> v, (a, v) -> a);
        addReducer("r_first", p -> (a, v) -> a, null);
        addReducer("r_text", p -> (a, v) -> v != null && bytes(a) < 40 ? a + "+" + v : v,
            (a, v) -> v != null && bytes(a) < 40 ? a + "-" + v : v);
        addReducer("r_drop", p -> (a, v) -> v == null || Math.floorMod((Long) v, (long) p) == 0 ? null : (Long) a + (Long) v,
            (a, v) -> v == null ? null : (Long) a - (Long) v);
    }

    private static long bytes(Object text) {
        return Oracle.utf8((String) text).length;
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    private static int compare(Object a, Object b) {
        if (a instanceof String left) {
            return Arrays.compareUnsigned(Oracle.utf8(left), Oracle.utf8((String) b));
        }
        return a instanceof Double left && left.doubleValue() == ((Double) b).doubleValue() ? 0 : ((Comparable) a).compareTo(b);
    }

    private static Long rest(Object value, long of) {
        return Math.floorMod(((Number) value).longValue(), of);
    }

    /** Small and whole, so that sums are exact in any order. */
    private static Double realRest(Object value) {
        double rest = Math.floor((Double) value) % 1000;
        return rest < 0 ? rest + 1000 : rest;
    }

    private static Object sum(Object a, Object v) {
        return (a == null ? 0L : (Long) a) + (Long) v;
    }

    private static Object difference(Object a, Object v) {
        return (a == null ? 0L : (Long) a) - (Long) v;
    }

    private static void addSums() {
        BinaryOperator<Object> merge = (a, b) -> a == null ? b : b == null ? a : (Long) a + (Long) b;
        add("count", p -> new Row(0L, null, null, null, null));
        add("a_count", p -> new Row(0L, (a, v) -> sum(a, 1L), (a, v) -> difference(a, 1L), merge, null));
        addBuiltIn("a_sum_l", v -> rest(v, 1000), p -> Rows::sum, Rows::difference, merge, null);
        addBuiltIn("a_sum_i", v -> ((Integer) v).longValue(), p -> Rows::sum, Rows::difference, merge, null);
        addBuiltIn("a_sum_j", v -> rest(v, 100), p -> Rows::sum, Rows::difference, merge, String::valueOf);
        addBuiltIn("a_sum_of", v -> Oracle.wholeField(v, "n") == null ? null : rest(Oracle.wholeField(v, "n"), 1000),
            p -> Rows::sum, Rows::difference, merge, null);
        addBuiltIn("a_sum_d", Rows::realRest, p -> (a, v) -> plus(a, v, 1), (a, v) -> plus(a, v, -1), Rows::both, a -> of(a, 1));
        addBuiltIn("a_avg_d", Rows::realRest, p -> (a, v) -> plus(a, v, 1), Rows::less, Rows::both, Rows::average);
        addBuiltIn("a_avg_l", v -> rest(v, 1000).doubleValue(), p -> (a, v) -> plus(a, v, 1), Rows::less,
            Rows::both, Rows::average);
    }

    /** A row of a number of values and their sum. */
    private static Object plus(Object row, Object value, int sign) {
        return both(row, new ArrayList<>(List.of((double) sign, sign * (Double) value)));
    }

    private static double of(Object row, int place) {
        return (Double) ((List<?>) row).get(place);
    }

    private static Object both(Object a, Object b) {
        return a == null ? b : b == null ? a : new ArrayList<>(List.of(of(a, 0) + of(b, 0), of(a, 1) + of(b, 1)));
    }

    /** What is left without the value; nothing when it was the last one. */
    private static Object less(Object row, Object value) {
        Object rest = plus(row, value, -1);
        return of(rest, 0) == 0 ? null : rest;
    }

    private static Object average(Object row) {
        return of(row, 1) / of(row, 0);
    }

    private static void addEnds() {
        BinaryOperator<Object> less = (a, v) -> a == null || (v != null && compare(v, a) < 0) ? v : a;
        BinaryOperator<Object> more = (a, v) -> a == null || (v != null && compare(v, a) > 0) ? v : a;
        BinaryOperator<Object> first = (a, v) -> a == null ? v : a, last = (a, v) -> v == null ? a : v;
        addBuiltIn("a_min", v -> v, p -> less, null, less, null);
        addBuiltIn("a_max", v -> v, p -> more, null, more, null);
        addBuiltIn("a_min_of", v -> Oracle.wholeField(v, "n"), p -> less, null, less, null);
        addBuiltIn("a_first", v -> v, p -> first, null, first, null);
        addBuiltIn("a_last", v -> v, p -> last, null, last, null);
    }

    private static List<Object> list(Object row) {
        List<Object> list = new ArrayList<>();
        if (row != null) {
            list.addAll((List<?>) row);
        }
        return list;
    }

    private static Object longer(Object row, Object value) {
        List<Object> list = list(row);
        list.add(value);
        return list;
    }

    private static Object shorter(Object row, Object value) {
        List<Object> list = list(row);
        list.remove(value);
        return list.isEmpty() ? null : list;
    }

    private static Object joined(Object a, Object b) {
        List<Object> list = list(a);
        list.addAll(list(b));
        return list.isEmpty() ? null : list;
    }

    private static void addLists() {
        addBuiltIn("a_all", v -> v, p -> Rows::longer, Rows::shorter, Rows::joined, Rows::text);
        UnaryOperator<Object> different = row -> (long) new LinkedHashSet<>(list(row)).size();
        addBuiltIn("a_distinct", v -> v, p -> Rows::longer, null, Rows::joined, different);
        addBuiltIn("a_colors", v -> Oracle.textField(v, "c"), p -> Rows::longer, null, Rows::joined, different);
        add("a_top", p -> new Row(null, passing(v -> v, Rows::longer), null, Rows::joined, row -> top(row, p)));
        add("a_top_of", p -> new Row(null,
            passing(v -> Oracle.wholeField(v, "n") == null ? null : new ArrayList<>(List.of(Oracle.wholeField(v, "n"),
                Objects.requireNonNullElse(Oracle.textField(v, "s"), "none"))), Rows::longer),
            null, Rows::joined, row -> top(row, p)));
    }

    /** The largest, of equals the earlier first; of pairs by the first, and the second is shown. */
    private static Object top(Object row, int n) {
        List<Object> all = list(row);
        all.sort((a, b) -> compare(rank(b), rank(a)));
        return text(all.stream().limit(n).map(e -> e instanceof List<?> pair ? pair.get(1) : e).toList());
    }

    private static Object rank(Object element) {
        return element instanceof List<?> pair ? pair.get(0) : element;
    }

    private static String text(Object list) {
        try {
            return JSON.writeValueAsString(list);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(e);
        }
    }

    private static void addExpressions() {
        add("e_order", p -> new Row((long) p, (a, v) -> (Long) a * 31 + (v == null ? 3 : (Long) v),
            (a, v) -> (Long) a * 17 - (v == null ? 3 : (Long) v), (a, b) -> (Long) a * 13 + (Long) b, null));
        add("e_text", p -> new Row("", (a, v) -> (bytes(a) < 40 ? a + "+" : "") + (v == null ? "nil" : v),
            (a, v) -> (bytes(a) < 40 ? a + "-" : "") + (v == null ? "nil" : v),
            (a, b) -> (bytes(a) + bytes(b) < 40 ? a + "|" : "") + b, null));
        add("e_drop", p -> new Row(null,
            (a, v) -> v == null || Math.floorMod((Long) v, (long) p) == 0 ? null : orZero(a) + (Long) v,
            (a, v) -> a == null ? null : (Long) a - orZero(v), (a, b) -> orZero(a) + orZero(b), null));
        add("e_json", p -> new Row("{\"n\":0}", (a, v) -> n(a, 1), (a, v) -> n(a, -1),
            (a, b) -> n(a, Oracle.wholeField(b, "n")), null));
    }

    private static String n(Object row, long more) {
        return "{\"n\":" + (Oracle.wholeField(row, "n") + more) + "}";
    }

    /** Rows that are only kept, of whatever they are made. */
    static final class AnySerde extends Serdes.WrapperSerde<Object> {
        AnySerde() {
            super((topic, row) -> write(row), (topic, bytes) -> read(bytes));
        }

        private static byte[] write(Object row) {
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            try (ObjectOutputStream out = new ObjectOutputStream(bytes)) {
                out.writeObject(row);
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            return row == null ? null : bytes.toByteArray();
        }

        private static Object read(byte[] bytes) {
            if (bytes == null) {
                return null;
            }
            try (ObjectInputStream in = new ObjectInputStream(new ByteArrayInputStream(bytes))) {
                return in.readObject();
            } catch (IOException | ClassNotFoundException e) {
                throw new IllegalStateException(e);
            }
        }
    }
}
