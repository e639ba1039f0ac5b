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
    /** The topology as data, of those that a seed makes. */
    RandomTopology random;

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

    /** A topology that a seed makes. */
    static Case random(final long seed) {
        final RandomTopology random = new RandomTopology(seed);
        final Consumer<StreamsBuilder> build = builder -> new RandomDsl(builder).build(random);
        final String name = String.format("random-%05d", seed);
        final Case made = random.optimized ? optimized(name, build) : dsl(name, build);
        made.random = random;
        made.in(random.inputs).store(random.stores.toArray(String[]::new));
        for (final String topic : random.outputs) made.out(topic, Kind.string, Kind.string);
        return made;
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
