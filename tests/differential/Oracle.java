/* SPDX-License-Identifier: Apache-2.0
 *
 * Oracle: what Kafka Streams itself makes of the scenarios that tests/tools/topology_gen.c wrote.
 *
 *   java Oracle FOLDER...
 *
 * For each folder it builds the topology of topology.txt with the DSL, pipes the records of input.jsonl through a
 * TopologyTestDriver one by one, and leaves the observations in expected.txt and the text of Topology#describe() in
 * expected.describe (tests/differential/README.md has the forms). The last line on stdout counts. Anything unexpected ends
 * it with an exception that names the folder.
 *
 * Functions are those of tests/differential/menu.def. The DSL hands them key and value only; what else an expression of ours
 * may look at (timestamp, topic, headers) comes from a wrapper around every processor, which remembers the record at hand.
 */
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.regex.Pattern;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.TestInputTopic;
import org.apache.kafka.streams.TestOutputTopic;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyConfig;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.kstream.Branched;
import org.apache.kafka.streams.kstream.BranchedKStream;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.WindowedSerdes;
import org.apache.kafka.streams.processor.FailOnInvalidTimestamp;
import org.apache.kafka.streams.processor.LogAndSkipOnInvalidTimestamp;
import org.apache.kafka.streams.processor.RecordContext;
import org.apache.kafka.streams.processor.TimestampExtractor;
import org.apache.kafka.streams.processor.UsePartitionTimeOnInvalidTimestamp;
import org.apache.kafka.streams.processor.api.FixedKeyProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorSupplier;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.ProcessorWrapper;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.processor.api.RecordMetadata;
import org.apache.kafka.streams.processor.api.WrappedFixedKeyProcessorSupplier;
import org.apache.kafka.streams.processor.api.WrappedProcessorSupplier;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.test.TestRecord;

public final class Oracle {
    private static final ObjectMapper JSON = new ObjectMapper();
    /** Where stores lie while a scenario runs: the driver deletes them again. */
    private static final Path STATE = Path.of(System.getProperty("state", System.getProperty("java.io.tmpdir")));

    private Oracle() {
    }

    public static void main(String[] folders) throws IOException {
        long inputs = 0, outputs = 0, silent = 0;
        for (String folder : folders) {
            try {
                Scenario scenario = new Scenario(Path.of(folder));
                long written = scenario.run();
                inputs += scenario.inputs;
                outputs += written;
                silent += written == 0 ? 1 : 0;
            } catch (RuntimeException e) {
                throw new IllegalStateException("scenario " + folder, e);
            }
        }
        System.out.printf("scenarios=%d inputs=%d outputs=%d silent=%d%n", folders.length, inputs, outputs, silent);
    }

    // ---- the record at hand ------------------------------------------------------------------------------------------

    /** What functions may look at. One thread, one record at a time, so one place is enough. */
    static final class At {
        static long timestamp;
        static Headers headers;
        static String topic;
        final Object key;
        final Object value;

        At(Object key, Object value) {
            this.key = key;
            this.value = value;
        }
    }

    /** Sets the place for as long as `work` runs: a processor's children run inside it and have records of their own. */
    static void with(long timestamp, Headers headers, String topic, Runnable work) {
        long timestampBefore = At.timestamp;
        Headers headersBefore = At.headers;
        String topicBefore = At.topic;
        At.timestamp = timestamp;
        At.headers = headers;
        At.topic = topic;
        work.run();
        At.timestamp = timestampBefore;
        At.headers = headersBefore;
        At.topic = topicBefore;
    }

    /** Kafka Streams makes one by name (processor.wrapper.class) and asks it about every processor of a topology. */
    public static final class Remember implements ProcessorWrapper {
        @Override
        public <KI, VI, KO, VO> WrappedProcessorSupplier<KI, VI, KO, VO> wrapProcessorSupplier(
                String name, ProcessorSupplier<KI, VI, KO, VO> supplier) {
            return new WrappedProcessorSupplier<>() {
                @Override
                public Processor<KI, VI, KO, VO> get() {
                    return new RememberRecord<>(supplier.get());
                }

                @Override
                public Set<StoreBuilder<?>> stores() {
                    return supplier.stores();
                }
            };
        }

        @Override
        public <KI, VI, VO> WrappedFixedKeyProcessorSupplier<KI, VI, VO> wrapFixedKeyProcessorSupplier(
                String name, FixedKeyProcessorSupplier<KI, VI, VO> supplier) {
            return new WrappedFixedKeyProcessorSupplier<>() {
                @Override
                public FixedKeyProcessor<KI, VI, VO> get() {
                    return new RememberFixedKeyRecord<>(supplier.get());
                }

                @Override
                public Set<StoreBuilder<?>> stores() {
                    return supplier.stores();
                }
            };
        }
    }

    static final class RememberRecord<KI, VI, KO, VO> implements Processor<KI, VI, KO, VO> {
        private final Processor<KI, VI, KO, VO> inner;
        private ProcessorContext<KO, VO> context;

        RememberRecord(Processor<KI, VI, KO, VO> inner) {
            this.inner = inner;
        }

        @Override
        public void init(ProcessorContext<KO, VO> context) {
            this.context = context;
            inner.init(context);
        }

        @Override
        public void process(Record<KI, VI> record) {
            String topic = context.recordMetadata().map(RecordMetadata::topic).orElse(null);
            with(record.timestamp(), record.headers(), topic, () -> inner.process(record));
        }

        @Override
        public void close() {
            inner.close();
        }
    }

    static final class RememberFixedKeyRecord<KI, VI, VO> implements FixedKeyProcessor<KI, VI, VO> {
        private final FixedKeyProcessor<KI, VI, VO> inner;
        private FixedKeyProcessorContext<KI, VO> context;

        RememberFixedKeyRecord(FixedKeyProcessor<KI, VI, VO> inner) {
            this.inner = inner;
        }

        @Override
        public void init(FixedKeyProcessorContext<KI, VO> context) {
            this.context = context;
            inner.init(context);
        }

        @Override
        public void process(FixedKeyRecord<KI, VI> record) {
            String topic = context.recordMetadata().map(RecordMetadata::topic).orElse(null);
            with(record.timestamp(), record.headers(), topic, () -> inner.process(record));
        }

        @Override
        public void close() {
            inner.close();
        }
    }

    // ---- one scenario ------------------------------------------------------------------------------------------------

    /** A line of topology.txt: a word and name=value fields, all separated by tabs. */
    record Line(String word, Map<String, String> fields) {
        static Line parse(String text) {
            String[] parts = text.split("\t");
            Map<String, String> fields = new HashMap<>();
            for (int i = 1; i < parts.length; i++) {
                int at = parts[i].indexOf('=');
                fields.put(parts[i].substring(0, at), parts[i].substring(at + 1));
            }
            return new Line(parts[0], fields);
        }

        String get(String name) {
            return Objects.requireNonNull(fields.get(name), name);
        }

        List<String> list(String name) {
            return fields.containsKey(name) ? List.of(get(name).split(",")) : List.of();
        }
    }

    static final class Scenario {
        private final Path folder;
        private final Properties properties = new Properties();
        private final StreamsBuilder builder;
        private final Map<String, KStream<Object, Object>> streams = new HashMap<>();
        private final List<Line> sources = new ArrayList<>();
        private final Rows rows;
        private String application;
        long inputs;

        Scenario(Path folder) throws IOException {
            this.folder = folder;
            List<Line> lines = Files.readAllLines(folder.resolve("topology.txt")).stream().map(Line::parse).toList();
            application = lines.get(0).get("id");
            properties.put(StreamsConfig.APPLICATION_ID_CONFIG, application);
            properties.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "127.0.0.1:9092");
            properties.put(StreamsConfig.STATE_DIR_CONFIG, STATE.resolve(folder.getFileName()).toString());
            properties.put(StreamsConfig.PROCESSOR_WRAPPER_CLASS_CONFIG, Remember.class);
            builder = new StreamsBuilder(new TopologyConfig(new StreamsConfig(properties)));
            rows = new Rows(builder);
            for (Line line : lines) {
                if (line.word().equals("node")) {
                    add(line);
                }
            }
        }

        /** Returns the number of records that came out. */
        long run() throws IOException {
            Topology topology = builder.build(properties);
            Files.writeString(folder.resolve("expected.describe"), topology.describe().toString());
            long outputs = 0;
            try (TopologyTestDriver driver = new TopologyTestDriver(topology, properties);
                    PrintStream out = new PrintStream(folder.resolve("expected.txt").toFile(), StandardCharsets.UTF_8)) {
                Observer observer = new Observer(driver, application, out);
                for (String line : Files.readAllLines(folder.resolve("input.jsonl"))) {
                    pipe(driver, JSON.readTree(line));
                    outputs += observer.observe(inputs++);
                }
                if (out.checkError()) {
                    throw new IOException("cannot write " + folder.resolve("expected.txt"));
                }
            }
            return outputs;
        }

        // -- input

        private void pipe(TopologyTestDriver driver, JsonNode record) {
            String topic = record.get("topic").textValue();
            Line source = sourceOf(topic);
            TestInputTopic<byte[], byte[]> input =
                driver.createInputTopic(topic, new ByteArraySerializer(), new ByteArraySerializer());
            byte[] key = bytes(source.get("key"), record.get("key"));
            byte[] value = bytes(source.get("value"), record.get("value"));
            input.pipeInput(new TestRecord<>(key, value, headers(record), record.get("timestamp").longValue()));
        }

        private Line sourceOf(String topic) {
            for (Line source : sources) {
                String pattern = source.fields().get("pattern");
                if (pattern != null ? Pattern.matches(pattern, topic) : source.list("topics").contains(topic)) {
                    return source;
                }
            }
            throw new IllegalArgumentException("no source reads " + topic);
        }

        private static byte[] bytes(String type, JsonNode node) {
            Object typed = switch (type) {
                case "string" -> node.textValue();
                case "bytes" -> node.isNull() ? null : utf8(node.textValue());
                case "int64" -> node.isNull() ? null : node.longValue();
                case "int32" -> node.isNull() ? null : node.intValue();
                case "double" -> node.isNull() ? null : node.doubleValue();
                case "json" -> node.isNull() ? null : text(node);
                default -> throw new IllegalArgumentException("no type " + type);
            };
            return typed == null ? null : serde(type).serializer().serialize("", typed);
        }

        private static Headers headers(JsonNode record) {
            Headers headers = new RecordHeaders();
            for (JsonNode pair : record.path("headers")) {
                String value = pair.get(1).textValue();
                headers.add(pair.get(0).textValue(), value == null ? null : utf8(value));
            }
            return headers;
        }

        // -- topology

        private void add(Line node) {
            if (Rows.makes(node)) {
                addRows(node);
                return;
            }
            switch (node.get("op")) {
                case "source" -> addSource(node);
                case "sink" -> addSink(node, parent(node));
                case "branch" -> addBranch(node, parent(node));
                case "merge" -> streams.put(node.get("name"), merged(node, node.get("name")));
                case "foreach" -> parent(node).foreach((k, v) -> { }, named(node));
                case "join_streams" -> streams.put(node.get("name"),
                    rows.joinStreams(node, stream(node.list("from").get(0)), stream(node.list("from").get(1))));
                case "join_table" ->
                    streams.put(node.get("name"), rows.joinTable(node, stream(node.list("from").get(0))));
                case "join_global" ->
                    streams.put(node.get("name"), rows.joinGlobal(node, stream(node.list("from").get(0))));
                case "cogroup" -> rows.addCogroup(node, node.list("from").stream().map(this::stream).toList());
                case "global_table" -> {
                    sources.add(node);
                    rows.addGlobal(node);
                }
                case "to_stream" -> streams.put(node.get("name"), parent(node));
                default -> streams.put(node.get("name"), operator(node, parent(node)));
            }
        }

        private void addRows(Line node) {
            boolean records = node.fields().containsKey("from") && !rows.has(node.list("from").get(0));
            boolean windows = !records && !node.fields().containsKey("of") && node.fields().containsKey("row");
            if (node.get("op").equals("table")) {
                sources.add(node);
            }
            rows.add(node, records || windows ? parent(node) : null);
        }

        private void addSource(Line node) {
            Consumed<Object, Object> consumed = Consumed.with(serde(node.get("key")), serde(node.get("value")))
                .withName(node.get("name"));
            if (node.fields().containsKey("extractor")) {
                consumed = consumed.withTimestampExtractor(extractor(node.get("extractor")));
            }
            String pattern = node.fields().get("pattern");
            sources.add(node);
            streams.put(node.get("name"), pattern == null
                ? builder.stream(node.list("topics"), consumed)
                : builder.stream(Pattern.compile(pattern), consumed));
        }

        private static TimestampExtractor extractor(String name) {
            return switch (name) {
                case "FailOnInvalidTimestamp" -> new FailOnInvalidTimestamp();
                case "LogAndSkipOnInvalidTimestamp" -> new LogAndSkipOnInvalidTimestamp();
                case "UsePartitionTimeOnInvalidTimestamp" -> new UsePartitionTimeOnInvalidTimestamp();
                default -> throw new IllegalArgumentException(name);
            };
        }

        /** The stream a node reads; several of them are merged by nodes that only Kafka Streams needs. */
        private KStream<Object, Object> parent(Line node) {
            return merged(node, node.get("name") + "-of" + node.list("from").size());
        }

        private KStream<Object, Object> stream(String name) {
            return rows.has(name) ? rows.changes(name) : streams.get(name);
        }

        private KStream<Object, Object> merged(Line node, String lastName) {
            List<String> from = node.list("from");
            KStream<Object, Object> all = stream(from.get(0));
            for (int i = 1; i < from.size(); i++) {
                String name = i + 1 == from.size() ? lastName : node.get("name") + "-of" + (i + 1);
                all = all.merge(stream(from.get(i)), Named.as(name));
            }
            return all;
        }

        private KStream<Object, Object> operator(Line node, KStream<Object, Object> in) {
            return switch (node.get("op")) {
                case "filter" -> in.filter((k, v) -> holds(node, "fn", k, v), named(node));
                case "filter_not" -> in.filterNot((k, v) -> holds(node, "fn", k, v), named(node));
                case "map" -> in.map((k, v) ->
                    new KeyValue<>(apply(node, "fn", k, v), apply(node, "fn2", k, v)), named(node));
                case "map_values" -> in.mapValues((k, v) -> apply(node, "fn", k, v), named(node));
                case "flat_map" -> flatMap(node, in);
                case "flat_map_values" -> in.flatMapValues((k, v) -> objects(apply(node, "fn", k, v)), named(node));
                case "select_key" -> in.selectKey((k, v) -> apply(node, "fn", k, v), named(node));
                case "peek" -> in.peek((k, v) -> { }, named(node));
                case "repartition" -> in.repartition(repartitioned(node));
                default -> throw new IllegalArgumentException(node.get("op"));
            };
        }

        private static Named named(Line node) {
            return Named.as(node.get("name"));
        }

        /** The DSL's flatMap() cannot set timestamps, so the function that does has a processor of its own. */
        private static KStream<Object, Object> flatMap(Line node, KStream<Object, Object> in) {
            if (node.get("fn").startsWith("r_later:")) {
                return in.process(() -> new Later(Call.of(node.get("fn")).p()), named(node));
            }
            return in.flatMap((k, v) -> records(apply(node, "fn", k, v)), named(node));
        }

        private static Repartitioned<Object, Object> repartitioned(Line node) {
            Repartitioned<Object, Object> options = Repartitioned.with(serde(node.get("key")), serde(node.get("value")))
                .withName(node.get("name"));
            String partitions = node.fields().get("partitions");
            return partitions == null ? options : options.withNumberOfPartitions(Integer.parseInt(partitions));
        }

        private void addBranch(Line node, KStream<Object, Object> in) {
            List<String> names = node.list("branches");
            BranchedKStream<Object, Object> split = in.split(Named.as(node.get("name") + "-"));
            for (int i = 0; i < names.size(); i++) {
                String slot = i == 0 ? "fn" : "fn" + (i + 1);
                split = split.branch((k, v) -> holds(node, slot, k, v), Branched.as(names.get(i)));
            }
            String rest = node.fields().get("default");
            streams.putAll(rest == null ? split.noDefaultBranch() : split.defaultBranch(Branched.as(rest)));
        }

        private static void addSink(Line node, KStream<Object, Object> in) {
            Produced<Object, Object> produced = Produced.with(serde(node.get("key")), serde(node.get("value")))
                .withName(node.get("name"));
            if (!node.fields().containsKey("fn")) {
                in.to(node.get("topic"), produced);
                return;
            }
            in.to((k, v, context) -> topic(node, k, v, context), produced);
        }

        private static String topic(Line node, Object key, Object value, RecordContext context) {
            String[] topic = new String[1];
            with(context.timestamp(), context.headers(), context.topic(),
                () -> topic[0] = node.get("topic") + apply(node, "fn", key, value));
            return topic[0];
        }
    }

    static final class Later implements Processor<Object, Object, Object, Object> {
        private final int p;
        private ProcessorContext<Object, Object> context;

        Later(int p) {
            this.p = p;
        }

        @Override
        public void init(ProcessorContext<Object, Object> context) {
            this.context = context;
        }

        @Override
        public void process(Record<Object, Object> record) {
            context.forward(record.withTimestamp(record.timestamp() + p));
            context.forward(record);
        }
    }

    // ---- observations ------------------------------------------------------------------------------------------------

    static final class Observer {
        private final TopologyTestDriver driver;
        private final String internal;
        private final PrintStream out;
        private final Map<String, TestOutputTopic<byte[], byte[]>> topics = new TreeMap<>();

        Observer(TopologyTestDriver driver, String application, PrintStream out) {
            this.driver = driver;
            this.internal = application + "-";
            this.out = out;
        }

        /** Prints what came out since the last call, and returns how many records that were. */
        long observe(long input) {
            long count = 0;
            for (String topic : new TreeSet<>(driver.producedTopicNames())) {
                if (topic.startsWith(internal)) {
                    continue;
                }
                for (TestRecord<byte[], byte[]> record : topics.computeIfAbsent(topic, this::open).readRecordsToList()) {
                    print(input, topic, record);
                    count++;
                }
            }
            return count;
        }

        private TestOutputTopic<byte[], byte[]> open(String topic) {
            return driver.createOutputTopic(topic, new ByteArrayDeserializer(), new ByteArrayDeserializer());
        }

        private void print(long input, String topic, TestRecord<byte[], byte[]> record) {
            List<String> headers = new ArrayList<>();
            for (Header header : record.headers()) {
                headers.add(header.key() + "=" + hex(header.value()));
            }
            out.printf("%d\t%s\t%s\t%s\t%d\t%s\n", input, topic, hex(record.key()), hex(record.value()),
                record.timestamp(), headers.isEmpty() ? "-" : String.join(",", headers));
        }

        private static String hex(byte[] bytes) {
            return bytes == null ? "null" : HexFormat.of().formatHex(bytes);
        }
    }

    // ---- types -------------------------------------------------------------------------------------------------------

    @SuppressWarnings("unchecked")
    static Serde<Object> serde(String type) {
        String[] parts = type.split(":");
        Serde<?> serde = switch (parts[0]) {
            case "time" -> new WindowedSerdes.TimeWindowedSerde<>(serde(parts[1]), Long.parseLong(parts[2]));
            case "session" -> new WindowedSerdes.SessionWindowedSerde<>(serde(parts[1]));
            case "string", "json", "any_json" -> Serdes.String();
            case "int64" -> Serdes.Long();
            case "int32" -> Serdes.Integer();
            case "double" -> Serdes.Double();
            case "bytes" -> Serdes.ByteArray();
            default -> throw new IllegalArgumentException("no type " + type);
        };
        return (Serde<Object>) serde;
    }

    static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static boolean isMultiple(Object number, long of) {
        return Math.floorMod(whole(number), of) == 0;
    }

    private static long whole(Object number) {
        return ((Number) number).longValue();
    }

    private static double real(Object number) {
        return ((Number) number).doubleValue();
    }

    /** Bytes of a string, as Lua's # counts them. */
    private static long length(Object value) {
        return value instanceof byte[] bytes ? bytes.length : utf8((String) value).length;
    }

    private static List<String> words(Object value) {
        List<String> words = new ArrayList<>();
        for (String word : value == null ? new String[0] : ((String) value).split(" ")) {
            if (!word.isEmpty()) {
                words.add(word);
            }
        }
        return words;
    }

    private static String upper(String text) {
        StringBuilder upper = new StringBuilder();
        text.chars().forEach(c -> upper.append((char) (c >= 'a' && c <= 'z' ? c - 32 : c)));
        return upper.toString();
    }

    private static String lastHeader(String name) {
        Header header = At.headers.lastHeader(name);
        return header == null ? null : new String(header.value(), StandardCharsets.UTF_8);
    }

    // ---- JSON --------------------------------------------------------------------------------------------------------

    private static ObjectNode object(Object value) {
        try {
            return (ObjectNode) JSON.readTree((String) value);
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException((String) value, e);
        }
    }

    private static String text(JsonNode node) {
        return node.toString();
    }

    /** A field, null when there is no document or no such field. */
    private static JsonNode field(Object value, String name) {
        return value == null ? null : object(value).get(name);
    }

    static Long wholeField(Object value, String name) {
        JsonNode field = field(value, name);
        return field == null ? null : Long.valueOf(field.longValue());
    }

    static String textField(Object value, String name) {
        JsonNode field = field(value, name);
        return field == null ? null : field.textValue();
    }

    private static String document(Long n, String s) {
        ObjectNode node = JSON.createObjectNode();
        node.put("n", n);
        if (s != null) {
            node.put("s", s);
        }
        return text(node);
    }

    private static String edited(Object value, java.util.function.Consumer<ObjectNode> edit) {
        if (value == null) {
            return null;
        }
        ObjectNode node = object(value);
        edit.accept(node);
        return text(node);
    }

    private static List<Object> elements(Object value, String name, Function<JsonNode, Object> as) {
        JsonNode array = field(value, name);
        List<Object> list = new ArrayList<>();
        if (array != null) {
            array.forEach(element -> list.add(as.apply(element)));
        }
        return list;
    }

    // ---- the menu ----------------------------------------------------------------------------------------------------

    interface Fn extends BiFunction<At, Integer, Object> {
    }

    /** "id:p" of topology.txt. */
    record Call(Fn function, int p) {
        static Call of(String text) {
            String[] parts = text.split(":");
            Fn function = Objects.requireNonNull(MENU.get(parts[0]), () -> "no function " + parts[0]);
            return new Call(function, Integer.parseInt(parts[1]));
        }
    }

    static Object apply(Line node, String slot, Object key, Object value) {
        Call call = Call.of(node.get(slot));
        return call.function().apply(new At(key, value), call.p());
    }

    static boolean holds(Line node, String slot, Object key, Object value) {
        return (Boolean) apply(node, slot, key, value);
    }

    @SuppressWarnings("unchecked")
    private static List<Object> objects(Object list) {
        return (List<Object>) list;
    }

    @SuppressWarnings("unchecked")
    private static List<KeyValue<Object, Object>> records(Object list) {
        return (List<KeyValue<Object, Object>>) list;
    }

    private static final Map<String, Fn> MENU = new HashMap<>();

    private static void add(String id, Fn function) {
        if (MENU.put(id, function) != null) {
            throw new IllegalStateException("two functions " + id);
        }
    }

    /** A function of the value that makes null of null. */
    private static void addOfValue(String id, BiFunction<Object, Integer, Object> function) {
        add(id, (at, p) -> at.value == null ? null : function.apply(at.value, p));
    }

    private static void addOfKey(String id, Function<Object, Object> function) {
        add(id, (at, p) -> at.key == null ? null : function.apply(at.key));
    }

    /** A condition on the value that does not hold for null. */
    private static void addIfValue(String id, BiFunction<Object, Integer, Boolean> condition) {
        add(id, (at, p) -> at.value != null && condition.apply(at.value, p));
    }

    private static void addIfKey(String id, BiFunction<Object, Integer, Boolean> condition) {
        add(id, (at, p) -> at.key != null && condition.apply(at.key, p));
    }

    /** Statements that edit a document, if there is one. */
    private static void addEdit(String id, java.util.function.BiConsumer<ObjectNode, Integer> edit) {
        add(id, (at, p) -> edited(at.value, node -> edit.accept(node, p)));
    }

    static {
        addConditions();
        addValues();
        addValuesOfStrings();
        addValuesOfDocuments();
        addStatements();
        addKeys();
        addArraysOfValues();
        addArraysOfRecords();
        addTopics();
    }

    private static void addConditions() {
        add("always", (at, p) -> true);
        add("v_null", (at, p) -> at.value == null);
        add("v_present", (at, p) -> at.value != null);
        add("v_truthy", (at, p) -> at.value != null);
        add("k_present", (at, p) -> at.key != null);
        addIfValue("v_multiple", (v, p) -> isMultiple(v, p));
        add("v_no_multiple", (at, p) -> at.value == null || !isMultiple(at.value, p));
        addIfValue("v_above", (v, p) -> real(v) > p);
        add("v_below", (at, p) -> at.value == null || real(at.value) < p);
        addIfValue("v_longer", (v, p) -> length(v) > p);
        addIfValue("v_has_e", (v, p) -> ((String) v).contains("e"));
        addIfValue("v_word", (v, p) -> ((String) v).matches("[A-Za-z]+"));
        addIfValue("j_above", (v, p) -> wholeField(v, "n") != null && wholeField(v, "n") > p);
        addIfValue("j_red", (v, p) -> "red".equals(textField(v, "c")));
        addIfValue("j_tags", (v, p) -> elements(v, "tags", tag -> tag).size() > 1);
        addIfValue("j_ok", (v, p) -> field(v, "ok") != null && field(v, "ok").booleanValue());
        addIfValue("j_null", (v, p) -> field(v, "note") != null && field(v, "note").isNull());
        addIfValue("j_deep", (v, p) -> field(v, "a") != null && field(v, "a").get("b").longValue() < p);
        addIfKey("k_multiple", (k, p) -> isMultiple(k, p));
        addIfKey("k_above", (k, p) -> real(k) > p);
        addIfKey("k_longer", (k, p) -> length(k) > p);
        add("equal_s", (at, p) -> Objects.equals(at.key, at.value));
        add("equal_l", (at, p) -> Objects.equals(at.key, at.value));
        add("t_multiple", (at, p) -> isMultiple(At.timestamp, p));
        add("topic_a", (at, p) -> At.topic.endsWith("a"));
        add("h_kind", (at, p) -> "x".equals(lastHeader("kind")));
        add("h_trace", (at, p) -> lastHeader("trace") != null);
    }

    private static void addValues() {
        add("value", (at, p) -> at.value);
        add("none", (at, p) -> null);
        add("key_s", (at, p) -> at.key);
        add("key_l", (at, p) -> at.key);
        add("topic", (at, p) -> At.topic);
        add("time", (at, p) -> At.timestamp);
        add("header", (at, p) -> Objects.requireNonNullElse(lastHeader("kind"), "none"));
        addOfValue("l_add", (v, p) -> whole(v) + p);
        addOfValue("l_twice", (v, p) -> whole(v) * 2);
        addOfValue("l_negate", (v, p) -> -whole(v));
        addOfValue("l_xor", (v, p) -> whole(v) ^ 255);
        addOfValue("l_shift", (v, p) -> (whole(v) & 7) << p);
        addOfValue("l_if", (v, p) -> whole(v) > p ? v : null);
        addOfValue("l_divide", (v, p) -> Math.floorDiv(whole(v), (long) p));
        addOfValue("l_to_i", (v, p) -> (int) Math.floorMod(whole(v), 1000L));
        addOfValue("i_to_l", (v, p) -> whole(v) * 1000000007L);
        addOfValue("l_to_s", (v, p) -> "n" + v);
        addOfValue("l_to_d", (v, p) -> real(v) / 4);
        addOfValue("l_as_d", (v, p) -> real(v));
        addOfValue("l_to_j", (v, p) -> document(whole(v), "v" + v));
        addOfValue("d_twice", (v, p) -> real(v) * 2);
        addOfValue("d_half", (v, p) -> real(v) / 2);
        addOfValue("d_negate", (v, p) -> -real(v));
        addOfValue("d_floor", (v, p) -> (long) Math.floor(real(v)));
        addOfValue("d_sign", (v, p) -> real(v) < 0 ? "minus" : "plus");
        addOfValue("d_to_j", (v, p) -> document((long) Math.floor(real(v)), null));
    }

    private static void addValuesOfStrings() {
        addOfValue("s_upper", (v, p) -> upper((String) v));
        addOfValue("s_more", (v, p) -> v + "!");
        addOfValue("s_twice", (v, p) -> v + (String) v);
        addOfValue("s_replace", (v, p) -> ((String) v).replace('e', 'o'));
        addOfValue("s_length", (v, p) -> length(v));
        addOfValue("s_points", (v, p) -> ((String) v).codePoints().count());
        addOfValue("s_to_i", (v, p) -> (int) length(v));
        addOfValue("s_to_d", (v, p) -> length(v) / 4.0);
        addOfValue("s_to_j", (v, p) -> document(length(v), (String) v));
        addOfValue("s_to_b", (v, p) -> utf8((String) v));
        addOfValue("b_to_s", (v, p) -> new String((byte[]) v, StandardCharsets.UTF_8));
        add("s_pair", (at, p) -> at.key == null || at.value == null ? null : at.key + "=" + at.value);
    }

    private static void addValuesOfDocuments() {
        addOfValue("j_n", (v, p) -> wholeField(v, "n"));
        addOfValue("j_s", (v, p) -> textField(v, "s"));
        add("j_color", (at, p) -> Objects.requireNonNullElse(textField(at.value, "c"), "none"));
        addOfValue("j_half", (v, p) -> wholeField(v, "n") == null ? null : real(wholeField(v, "n")) / 2);
        addOfValue("j_new", (v, p) ->
            document(2 * Objects.requireNonNullElse(wholeField(v, "n"), 0L), textField(v, "s")));
        addOfValue("j_a", (v, p) -> field(v, "a") == null ? null : text(field(v, "a")));
    }

    private static void addStatements() {
        addEdit("e_add", (node, p) -> node.put("n", node.path("n").longValue() + p));
        addEdit("e_drop", (node, p) -> node.remove("s"));
        addEdit("e_null", (node, p) -> node.putNull("note"));
        addEdit("e_append", (node, p) -> {
            if (node.get("tags") instanceof ArrayNode tags) {
                tags.add("new");
            }
        });
        addEdit("e_deep", (node, p) -> {
            if (node.get("a") instanceof ObjectNode a) {
                a.put("b", p);
            }
        });
        addEdit("e_table", (node, p) -> node.putArray("t").add(1).add("two").addObject().put("x", true));
        addEdit("e_copy", (node, p) -> {
            if (node.has("c")) {
                node.set("s", node.get("c"));
            } else {
                node.remove("s");
            }
        });
        add("e_none", (at, p) -> null);
        add("e_whole", (at, p) -> document(At.timestamp, null));
        addOfValue("e_l", (v, p) -> whole(v) + p);
        addOfValue("e_s", (v, p) -> v + ".");
    }

    private static void addKeys() {
        add("k_same", (at, p) -> at.key);
        add("k_none", (at, p) -> null);
        add("k_const", (at, p) -> "k");
        add("k_topic", (at, p) -> At.topic);
        addOfKey("k_more", k -> k + "-x");
        addOfKey("k_length", k -> length(k));
        addOfKey("k_add", k -> whole(k) + 1);
        addOfKey("k_to_s", k -> "k" + k);
        addOfKey("k_to_i", k -> (int) Math.floorMod(whole(k), 100L));
        addOfKey("k_to_d", k -> real(k) / 2);
        addOfKey("k_floor", k -> (long) Math.floor(real(k)));
        add("kv_s", (at, p) -> at.value);
        add("kv_l", (at, p) -> at.value);
        add("kv_i", (at, p) -> at.value);
        add("kv_d", (at, p) -> at.value);
        addOfKey("w_key", k -> ((Windowed<?>) k).key());
        addOfKey("w_start", k -> ((Windowed<?>) k).window().start());
        addOfKey("w_end", k -> ((Windowed<?>) k).window().end());
        addOfKey("w_text", k -> {
            Windowed<?> w = (Windowed<?>) k;
            return w.key() + "@" + w.window().start() + "-" + w.window().end();
        });
        addOfValue("kv_rest", (v, p) -> Math.floorMod(whole(v), (long) p));
        addOfValue("kv_js", (v, p) -> textField(v, "s"));
        addOfValue("kv_jn", (v, p) -> wholeField(v, "n"));
    }

    private static void addArraysOfValues() {
        add("f_none", (at, p) -> List.of());
        add("f_empty", (at, p) -> List.of());
        add("f_two", (at, p) -> at.value == null ? List.of() : List.of(at.value, at.value));
        add("f_next", (at, p) -> at.value == null
            ? List.of() : List.of(at.value, whole(at.value) + 1, whole(at.value) + p));
        add("f_count", (at, p) -> {
            List<Object> list = new ArrayList<>();
            for (long i = 1; at.value != null && i <= Math.floorMod(whole(at.value), 4L); i++) {
                list.add(whole(at.value) * 10 + i);
            }
            return list;
        });
        add("f_words", (at, p) -> words(at.value));
        add("f_lengths", (at, p) -> words(at.value).stream().map(Oracle::length).toList());
        add("f_halves", (at, p) -> at.value == null
            ? List.of() : List.of(at.value, real(at.value) / 2, -real(at.value)));
        add("f_tags", (at, p) -> elements(at.value, "tags", JsonNode::textValue));
        add("f_lines", (at, p) -> elements(at.value, "lines", Oracle::text));
    }

    private static void addArraysOfRecords() {
        add("r_empty", (at, p) -> List.of());
        add("r_two", (at, p) -> List.of(new KeyValue<>(at.key, at.value), new KeyValue<>(at.key, at.value)));
        add("r_later", (at, p) -> {
            throw new IllegalStateException("r_later has a processor of its own");
        });
        add("r_fixed", (at, p) -> List.of(new KeyValue<>("a", 1L), new KeyValue<>("b", (long) p)));
        add("r_words", (at, p) -> words(at.value).stream().map(word -> new KeyValue<>(word, length(word))).toList());
        add("r_swap_s", (at, p) -> List.of(new KeyValue<>(at.value, at.key)));
        add("r_swap_l", (at, p) -> List.of(new KeyValue<>(at.value, at.key)));
        add("r_even", (at, p) -> at.value == null || !isMultiple(at.value, 2)
            ? List.of() : List.of(new KeyValue<>(at.key, Math.floorDiv(whole(at.value), 2L))));
        add("r_tags", (at, p) -> {
            List<KeyValue<Object, Object>> list = new ArrayList<>();
            elements(at.value, "tags", JsonNode::textValue).forEach(tag ->
                list.add(new KeyValue<>(tag, list.size() + 1L)));
            return list;
        });
    }

    /** What follows the family's name. */
    private static void addTopics() {
        add("to_null", (at, p) -> at.value == null ? ".null" : ".some");
        add("to_key", (at, p) -> at.key == null ? ".null" : ".some");
        add("to_time", (at, p) -> ".t" + At.timestamp % 2);
        add("to_topic", (at, p) -> "." + At.topic);
        add("to_rest", (at, p) -> at.value == null ? ".none" : "." + Math.floorMod(whole(at.value), 3L));
        add("to_length", (at, p) -> at.value == null ? ".none" : "." + length(at.value) % 3);
        add("to_sign", (at, p) -> at.value != null && real(at.value) < 0 ? ".minus" : ".plus");
        add("to_color", (at, p) -> "." + Objects.requireNonNullElse(textField(at.value, "c"), "none"));
    }
}
