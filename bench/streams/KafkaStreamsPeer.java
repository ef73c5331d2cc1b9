/* SPDX-License-Identifier: Apache-2.0
 *
 * The peer of `./dev bench streams`: the same topology as a Kafka Streams program, written as its users write it: the
 * DSL, and a JSON serde that makes a Jackson tree of each value and bytes of the tree again.
 *
 *   KafkaStreamsPeer PROPERTIES INPUT OUTPUT BOUND
 *
 * PROPERTIES is the file of settings that the script writes. The program runs until SIGTERM; when a stream thread dies
 * it ends with code 1, so that a failure is never taken for a slow run.
 */
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;

public final class KafkaStreamsPeer {
    private static final ObjectMapper MAPPER = new ObjectMapper();

    private KafkaStreamsPeer() {}

    private static Serde<ObjectNode> json() {
        return Serdes.serdeFrom(
            (topic, tree) -> {
                try {
                    return tree == null ? null : MAPPER.writeValueAsBytes(tree);
                } catch (IOException e) {
                    throw new SerializationException(e);
                }
            },
            (topic, bytes) -> {
                try {
                    return bytes == null ? null : (ObjectNode) MAPPER.readTree(bytes);
                } catch (IOException e) {
                    throw new SerializationException(e);
                }
            });
    }

    /* The tree belongs to this record alone, so it is changed where it stands: a copy would only cost. */
    private static ObjectNode edit(ObjectNode value) {
        value.put("total", value.get("amount").asLong() * value.get("units").asLong());
        value.remove("debug");
        return value;
    }

    public static void main(String[] args) throws Exception {
        if (args.length != 4) {
            System.err.println("usage: KafkaStreamsPeer PROPERTIES INPUT OUTPUT BOUND");
            System.exit(64);
        }
        Properties properties = new Properties();
        try (InputStream file = new FileInputStream(args[0])) {
            properties.load(file);
        }
        int bound = Integer.parseInt(args[3]);
        Serde<ObjectNode> json = json();
        StreamsBuilder builder = new StreamsBuilder();
        builder.stream(args[1], Consumed.with(Serdes.String(), json))
            .filter((key, value) -> value.get("amount").asInt() > bound)
            .mapValues(KafkaStreamsPeer::edit)
            .to(args[2], Produced.with(Serdes.String(), json));

        /* With the properties: topology.optimization counts only when the builder sees it. */
        KafkaStreams streams = new KafkaStreams(builder.build(properties), properties);
        CountDownLatch ended = new CountDownLatch(1);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.ERROR) ended.countDown();
        });
        Runtime.getRuntime().addShutdownHook(new Thread(streams::close));
        streams.start();
        ended.await();
        System.exit(1);
    }
}
