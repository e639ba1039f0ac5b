package differential;

import com.fasterxml.jackson.databind.ObjectMapper;
import differential.Case.Kind;
import differential.Inputs.Step;
import differential.Inputs.Values;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.LongSerializer;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.TestInputTopic;
import org.apache.kafka.streams.TestOutputTopic;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.test.TestRecord;

/** Runs one case through Kafka Streams' own test driver and writes what came out. */
final class Recorder {
    private static final ObjectMapper JSON = new ObjectMapper();
    static final long WALL_CLOCK_START = 1_000_000;

    private static String kafkaVersion() throws IOException {
        final Properties version = new Properties();
        try (InputStream file = Topology.class.getResourceAsStream("/kafka/kafka-streams-version.properties")) {
            version.load(file);
        }
        return version.getProperty("version");
    }

    static void record(final Case test, final long seed, final Path directory) throws IOException {
        final Topology topology = test.topology.get();
        final Properties config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, "differential");
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "unused:1");
        config.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        config.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        // Both throttle emission by the machine's clock (1 s); 0 makes them a function of the input alone.
        config.put(StreamsConfig.InternalConfig.EMIT_INTERVAL_MS_KSTREAMS_OUTER_JOIN_SPURIOUS_RESULTS_FIX, 0L);
        config.put(StreamsConfig.InternalConfig.EMIT_INTERVAL_MS_KSTREAMS_WINDOWED_AGGREGATION, 0L);

        final StringBuilder file = new StringBuilder("{\n");
        field(file, "case", test.name);
        field(file, "kafkaVersion", kafkaVersion());
        field(file, "wallClockStart", WALL_CLOCK_START);
        // Java prints a lambda with its address.
        field(file, "describe", topology.describe().toString().replaceAll("extractor class: [^)]*", "extractor class: TopicExtractor"));
        if (test.random != null) topology(file, test.random);
        field(file, "topics", topics(test));
        try (TopologyTestDriver driver = new TopologyTestDriver(topology, config, Instant.ofEpochMilli(WALL_CLOCK_START))) {
            file.append("\"steps\": [\n").append(String.join(",\n", steps(test, seed, driver))).append("\n],\n\"stores\": {");
            final List<String> stores = new ArrayList<>();
            for (final String name : test.stores) {
                stores.add("\n" + JSON.writeValueAsString(name) + ": [\n" + lines(StoreDump.rows(driver.getAllStateStores().get(name))) + "]");
            }
            file.append(String.join(",", stores)).append("\n}\n}\n");
        }
        Files.writeString(directory.resolve(test.name + ".json"), file);
    }

    private static void topology(final StringBuilder file, final RandomTopology random) throws IOException {
        field(file, "optimized", random.optimized);
        final List<String> lines = new ArrayList<>();
        for (final Object step : random.steps) lines.add(JSON.writeValueAsString(step));
        file.append("\"topology\": [\n").append(String.join(",\n", lines)).append("\n],\n");
    }

    private static List<String> steps(final Case test, final long seed, final TopologyTestDriver driver) throws IOException {
        final Map<String, TestInputTopic<byte[], byte[]>> inputs = new LinkedHashMap<>();
        for (final String topic : test.inputs.topics().keySet()) {
            inputs.put(topic, driver.createInputTopic(topic, new ByteArraySerializer(), new ByteArraySerializer()));
        }
        final Map<String, TestOutputTopic<byte[], byte[]>> outputs = new LinkedHashMap<>();
        for (final String topic : test.outputs.keySet()) {
            outputs.put(topic, driver.createOutputTopic(topic, new ByteArrayDeserializer(), new ByteArrayDeserializer()));
        }
        final List<String> lines = new ArrayList<>();
        for (final Step step : test.inputs.generate(seed)) {
            final Map<String, Object> line = new LinkedHashMap<>();
            if (step.topic() == null) {
                driver.advanceWallClockTime(Duration.ofMillis(step.advanceMs()));
                line.put("advanceWallClockMs", step.advanceMs());
            } else {
                inputs.get(step.topic()).pipeInput(new TestRecord<>(bytes(step.key()), bytes(step.value()), headers(step), step.timestamp()));
                line.put("topic", step.topic());
                line.put("key", step.key());
                line.put("value", step.value());
                line.put("timestamp", step.timestamp());
                if (!step.headers().isEmpty()) line.put("headers", pairs(headers(step)));
            }
            final List<Object> out = new ArrayList<>();
            for (final Map.Entry<String, TestOutputTopic<byte[], byte[]>> output : outputs.entrySet()) {
                final Case.Format format = test.outputs.get(output.getKey());
                while (!output.getValue().isEmpty()) out.add(output(output.getKey(), format, output.getValue().readRecord()));
            }
            line.put("out", out);
            lines.add(JSON.writeValueAsString(line));
        }
        return lines;
    }

    private static Map<String, Object> output(final String topic, final Case.Format format, final TestRecord<byte[], byte[]> record) {
        final Map<String, Object> line = new LinkedHashMap<>();
        line.put("topic", topic);
        line.put("key", shown(format.key(), record.key()));
        line.put("value", shown(format.value(), record.value()));
        line.put("timestamp", record.timestamp());
        if (record.headers().toArray().length > 0) line.put("headers", pairs(record.headers()));
        return line;
    }

    private static Map<String, Object> topics(final Case test) {
        final Map<String, Object> all = new LinkedHashMap<>();
        for (final Map.Entry<String, Values> input : test.inputs.topics().entrySet()) {
            all.put(input.getKey(), format("string", input.getValue() == Values.SMALL ? "int64" : "string"));
        }
        for (final Map.Entry<String, Case.Format> output : test.outputs.entrySet()) {
            all.put(output.getKey(), format(output.getValue().key().name(), output.getValue().value().name()));
        }
        return all;
    }

    private static Map<String, String> format(final String key, final String value) {
        final Map<String, String> format = new LinkedHashMap<>();
        format.put("key", key);
        format.put("value", value);
        return format;
    }

    private static Object shown(final Kind kind, final byte[] bytes) {
        if (bytes == null) return null;
        final ByteBuffer buffer = ByteBuffer.wrap(bytes);
        return switch (kind) {
            case string -> new String(bytes, StandardCharsets.UTF_8);
            case int64 -> buffer.getLong();
            case window -> windowed(bytes, bytes.length - 8, buffer.getLong(bytes.length - 8), null);
            case session -> windowed(bytes, bytes.length - 16, buffer.getLong(bytes.length - 8), buffer.getLong(bytes.length - 16));
        };
    }

    private static Map<String, Object> windowed(final byte[] bytes, final int keyLength, final Long start, final Long end) {
        final Map<String, Object> shown = new LinkedHashMap<>();
        shown.put("key", new String(Arrays.copyOf(bytes, keyLength), StandardCharsets.UTF_8));
        shown.put("start", start);
        if (end != null) shown.put("end", end);
        shown.put("base64", Base64.getEncoder().encodeToString(bytes));
        return shown;
    }

    private static byte[] bytes(final Object value) {
        if (value == null) return null;
        if (value instanceof Long number) return new LongSerializer().serialize("", number);
        return ((String) value).getBytes(StandardCharsets.UTF_8);
    }

    private static RecordHeaders headers(final Step step) {
        final RecordHeaders headers = new RecordHeaders();
        step.headers().forEach((name, value) -> headers.add(name, value.getBytes(StandardCharsets.UTF_8)));
        return headers;
    }

    private static List<List<String>> pairs(final Iterable<Header> headers) {
        final List<List<String>> pairs = new ArrayList<>();
        for (final Header header : headers) {
            pairs.add(Arrays.asList(header.key(), header.value() == null ? null : new String(header.value(), StandardCharsets.UTF_8)));
        }
        return pairs;
    }

    private static String lines(final Collection<?> rows) throws IOException {
        final List<String> lines = new ArrayList<>();
        for (final Object row : rows) lines.add(JSON.writeValueAsString(row));
        return String.join(",\n", lines) + (lines.isEmpty() ? "" : "\n");
    }

    private static void field(final StringBuilder file, final String name, final Object value) throws IOException {
        file.append(JSON.writeValueAsString(name)).append(": ").append(JSON.writeValueAsString(value)).append(",\n");
    }
}
