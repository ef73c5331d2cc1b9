/* SPDX-License-Identifier: Apache-2.0
 *
 * Kafka's own SmokeTestDriver in two steps (its main program does both at once):
 *
 *   java Smoke topics
 *   java Smoke generate BROKERS KEYS RECORDS_OF_EACH SECONDS
 *   java Smoke verify BROKERS KEYS RECORDS_OF_EACH
 *
 * `topics` prints the names of the topics it needs, one a line. `verify` waits until every transaction has ended, reads the
 * results and judges; its last word is SUCCESS or FAILURE, and the exit code is 0 when the results passed. It wants the end of the
 * topics to stand still: it asks for the last stable offset and then for the end, and a record between the two is a
 * failure to it. So whoever calls it waits first.
 */
import java.time.Duration;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.streams.tests.SmokeTestDriver;

public final class Smoke {
    private Smoke() {
    }

    /* What generate() makes of these numbers: key FIRST-LAST has each value from FIRST to LAST once. */
    private static Map<String, Set<Integer>> generated(final int keys, final int records) {
        final Map<String, Set<Integer>> all = new TreeMap<>();
        for (int first = 0; first < keys; first++) {
            final int last = first + records - 1;
            all.put(first + "-" + last, IntStream.rangeClosed(first, last).boxed().collect(Collectors.toSet()));
        }
        return all;
    }

    public static void main(final String[] args) {
        final String command = args.length > 0 ? args[0] : "";
        if (command.equals("topics")) {
            for (final String topic : SmokeTestDriver.topics()) System.out.println(topic);
            return;
        }
        if (!(command.equals("generate") && args.length == 5) && !(command.equals("verify") && args.length == 4)) {
            System.err.println("usage: Smoke topics | generate BROKERS KEYS RECORDS_OF_EACH SECONDS"
                + " | verify BROKERS KEYS RECORDS_OF_EACH");
            System.exit(64);
        }
        final int keys = Integer.parseInt(args[2]);
        final int records = Integer.parseInt(args[3]);
        final Map<String, Set<Integer>> expected = generated(keys, records);
        final boolean good = command.equals("generate")
            ? SmokeTestDriver.generate(args[1], keys, records, Duration.ofSeconds(Long.parseLong(args[4]))).equals(expected)
            : SmokeTestDriver.verify(args[1], expected, records, true).passed();
        System.exit(good ? 0 : 1);
    }
}
