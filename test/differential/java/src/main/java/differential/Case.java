package differential;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;

/** One topology, the input it gets, and what is recorded of it. The TypeScript twin has the same name. */
final class Case {
    final String name;
    final Supplier<Topology> topology;
    Inputs inputs = new Inputs();
    final Map<String, Format> outputs = new LinkedHashMap<>();
    final List<String> stores = new ArrayList<>();

    private Case(final String name, final Supplier<Topology> topology) {
        this.name = name;
        this.topology = topology;
    }

    /** A topology made with the DSL. */
    static Case dsl(final String name, final Consumer<StreamsBuilder> build) {
        return new Case(name, () -> {
            final StreamsBuilder builder = new StreamsBuilder();
            build.accept(builder);
            return builder.build();
        });
    }

    /** A topology made with the DSL, with topology.optimization=all. */
    static Case optimized(final String name, final Consumer<StreamsBuilder> build) {
        return new Case(name, () -> {
            final StreamsBuilder builder = new StreamsBuilder();
            build.accept(builder);
            final Properties config = new Properties();
            config.put(StreamsConfig.TOPOLOGY_OPTIMIZATION_CONFIG, StreamsConfig.OPTIMIZE);
            return builder.build(config);
        });
    }

    /** A topology made with the Processor API only. */
    static Case papi(final String name, final Consumer<Topology> build) {
        return new Case(name, () -> {
            final Topology topology = new Topology();
            build.accept(topology);
            return topology;
        });
    }

    Case in(final Inputs inputs) {
        this.inputs = inputs;
        return this;
    }

    /** An output topic to record: key and value kinds. */
    Case out(final String topic, final Kind key, final Kind value) {
        outputs.put(topic, new Format(key, value));
        return this;
    }

    /** A store whose final contents are recorded. */
    Case store(final String... names) {
        stores.addAll(List.of(names));
        return this;
    }

    record Format(Kind key, Kind value) {
    }

    /** How bytes of a topic are shown. `window`: key of a time window; `session`: key of a session window. */
    enum Kind {
        string, int64, window, session
    }
}
