package peer;

import java.time.Duration;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.LogAndContinueExceptionHandler;
import org.apache.kafka.streams.errors.LogAndContinueProcessingExceptionHandler;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler;
import peer.operators.Operators;
import peer.plain.PlainTopology;

/** The ride job, or one operator, on Kafka Streams. Settings come from the environment; prints RESTORING once a store restores, RUNNING once all tasks run. */
public final class Main {
    public static void main(final String[] args) throws InterruptedException {
        final Map<String, String> env = System.getenv();
        final Properties config = config(env);
        final KafkaStreams streams = new KafkaStreams(topology(env, config), config);
        final CountDownLatch stopped = new CountDownLatch(1);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            return StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        streams.setStateListener((now, before) -> {
            if (now == KafkaStreams.State.RUNNING) System.out.println("RUNNING");
            if (now == KafkaStreams.State.ERROR) stopped.countDown();
        });
        streams.setGlobalStateRestoreListener(new RestoreStart());
        Runtime.getRuntime().addShutdownHook(new Thread(() -> streams.close(Duration.ofSeconds(30))));
        streams.start();
        stopped.await();
        System.exit(1);
    }

    /** The ride job, or the one operator that OPERATOR names. */
    private static Topology topology(final Map<String, String> env, final Properties config) {
        if (env.containsKey("OPERATOR")) return Operators.build(env.get("OPERATOR"), need(env, "OPERATOR_OUT"), config);
        final int h3Resolution = Integer.parseInt(env.getOrDefault("H3_RESOLUTION", "9"));
        return isTuned(env) ? RideTopology.build(config, h3Resolution) : PlainTopology.build(config, h3Resolution);
    }

    private static boolean isTuned(final Map<String, String> env) {
        return !"plain".equals(env.get("STYLE"));
    }

    private static Properties config(final Map<String, String> env) {
        final String applicationId = need(env, "APPLICATION_ID");
        final Properties config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, applicationId);
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, need(env, "KAFKA_BROKERS"));
        config.put(StreamsConfig.STATE_DIR_CONFIG, need(env, "STATE_DIR"));
        config.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, env.getOrDefault("NUM_STREAM_THREADS", "1"));
        config.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
        config.put(StreamsConfig.COMMIT_INTERVAL_MS_CONFIG, env.getOrDefault("COMMIT_INTERVAL_MS", "100"));
        config.put(StreamsConfig.REPLICATION_FACTOR_CONFIG, env.getOrDefault("REPLICATION_FACTOR", "-1"));
        config.put(StreamsConfig.DESERIALIZATION_EXCEPTION_HANDLER_CLASS_CONFIG, LogAndContinueExceptionHandler.class);
        config.put(StreamsConfig.PROCESSING_EXCEPTION_HANDLER_CLASS_CONFIG, LogAndContinueProcessingExceptionHandler.class);
        config.put(StreamsConfig.ERRORS_DEAD_LETTER_QUEUE_TOPIC_NAME_CONFIG, applicationId + ".dlq");
        config.put(StreamsConfig.consumerPrefix(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG), "earliest");
        config.put(StreamsConfig.NUM_STANDBY_REPLICAS_CONFIG, env.getOrDefault("NUM_STANDBY_REPLICAS", "0"));
        if (env.containsKey("SESSION_TIMEOUT_MS")) {
            final int sessionTimeoutMs = Integer.parseInt(env.get("SESSION_TIMEOUT_MS"));
            config.put(StreamsConfig.consumerPrefix(ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG), sessionTimeoutMs);
            config.put(StreamsConfig.consumerPrefix(ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG), Math.min(3000, sessionTimeoutMs / 3));
        }
        if (env.containsKey("TRANSACTION_TIMEOUT_MS")) {
            config.put(StreamsConfig.producerPrefix(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG), Integer.parseInt(env.get("TRANSACTION_TIMEOUT_MS")));
        }
        if ("true".equals(env.get("TRANSACTIONAL_STORES"))) config.put("enable.transactional.statestores", true);
        if (isTuned(env)) tune(config);
        return config;
    }

    /** What its README gives the reasons of. */
    private static void tune(final Properties config) {
        config.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 64L * 1024 * 1024);
        config.put(StreamsConfig.TOPOLOGY_OPTIMIZATION_CONFIG, StreamsConfig.OPTIMIZE);
        config.put(StreamsConfig.ROCKSDB_CONFIG_SETTER_CLASS_CONFIG, RocksConfig.class);
        config.put(StreamsConfig.BUFFERED_RECORDS_PER_PARTITION_CONFIG, 5000);
        config.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_POLL_RECORDS_CONFIG), 5000);
        config.put(StreamsConfig.consumerPrefix(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG), 4 * 1024 * 1024);
        config.put(StreamsConfig.producerPrefix(ProducerConfig.COMPRESSION_TYPE_CONFIG), "lz4");
        config.put(StreamsConfig.producerPrefix(ProducerConfig.LINGER_MS_CONFIG), 100);
        config.put(StreamsConfig.producerPrefix(ProducerConfig.BATCH_SIZE_CONFIG), 256 * 1024);
        config.put(StreamsConfig.producerPrefix(ProducerConfig.BUFFER_MEMORY_CONFIG), 64 * 1024 * 1024);
    }

    private static String need(final Map<String, String> env, final String name) {
        final String value = env.get(name);
        if (value == null) {
            System.err.println(name + " is missing");
            System.exit(2);
        }
        return value;
    }
}
