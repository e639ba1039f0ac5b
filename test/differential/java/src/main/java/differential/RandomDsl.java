package differential;

import static differential.Dsl.*;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.*;
import org.apache.kafka.streams.kstream.internals.NamedInternal;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.ContextualFixedKeyProcessor;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.FixedKeyProcessorContext;
import org.apache.kafka.streams.processor.api.FixedKeyRecord;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;

/** Builds a {@link RandomTopology} with the DSL. */
final class RandomDsl {
    private final StreamsBuilder builder;
    private final Map<Integer, Object> nodes = new HashMap<>();

    RandomDsl(final StreamsBuilder builder) {
        this.builder = builder;
    }

    void build(final RandomTopology topology) {
        for (final Map<String, Object> step : topology.steps) {
            final Object made = node(step);
            if (made != null) nodes.put((Integer) step.get("id"), made);
        }
    }

    @SuppressWarnings("unchecked")
    private KStream<String, String> stream(final Map<String, Object> step, final int at) {
        return (KStream<String, String>) nodes.get(((List<Integer>) step.get("from")).get(at));
    }

    @SuppressWarnings("unchecked")
    private KTable<String, String> table(final Map<String, Object> step, final int at) {
        return (KTable<String, String>) nodes.get(((List<Integer>) step.get("from")).get(at));
    }

    private static Materialized<String, String, KeyValueStore<Bytes, byte[]>> texts(final Map<String, Object> step) {
        return step.containsKey("store") ? kv((String) step.get("store"), S) : kv(S);
    }

    private static Materialized<String, Long, KeyValueStore<Bytes, byte[]>> longs(final Map<String, Object> step) {
        return step.containsKey("store") ? kv((String) step.get("store"), L) : kv(L);
    }

    private static Named named(final Map<String, Object> step) {
        return isNamed(step) ? Named.as((String) step.get("name")) : NamedInternal.empty();
    }

    private static boolean isNamed(final Map<String, Object> step) {
        return step.containsKey("name");
    }

    private Object node(final Map<String, Object> step) {
        final String op = (String) step.get("op");
        return switch (op) {
            case "stream" -> builder.stream((String) step.get("topic"), SS);
            case "table" -> sourceTable(step);
            case "globalTable" -> builder.globalTable((String) step.get("topic"), SS);
            case "to" -> { stream(step, 0).to((String) step.get("topic"), isNamed(step) ? Produced.with(S, S).withName((String) step.get("name")) : OUT); yield null; }
            case "filter" -> stream(step, 0).filter((k, v) -> test(step, k, v), named(step));
            case "filterNot" -> stream(step, 0).filterNot((k, v) -> test(step, k, v), named(step));
            case "mapValues" -> stream(step, 0).mapValues((k, v) -> mapped(step, k, v), named(step));
            case "map" -> stream(step, 0).map((k, v) -> KeyValue.pair(key(step, "key", k, v), mapped(step, k, v)), named(step));
            case "selectKey" -> stream(step, 0).selectKey((k, v) -> key(step, "key", k, v), named(step));
            case "flatMapValues" -> stream(step, 0).flatMapValues(v -> v == null || number(v) % 3 == 0 ? List.of() : List.of(v, v + "'"), named(step));
            case "merge" -> stream(step, 0).merge(stream(step, 1), named(step));
            case "split" -> {
                final int id = (Integer) step.get("id");
                final Map<String, KStream<String, String>> branches = stream(step, 0).split(Named.as("split-" + id + "-"))
                    .branch((k, v) -> test(step, k, v), Branched.as("yes")).defaultBranch(Branched.as("no"));
                nodes.put(id + 1, branches.get("split-" + id + "-no"));
                yield branches.get("split-" + id + "-yes");
            }
            case "repartition" -> stream(step, 0).repartition(isNamed(step) ? Repartitioned.with(S, S).withName((String) step.get("name")) : Repartitioned.with(S, S));
            case "toTable" -> stream(step, 0).toTable(named(step), texts(step));
            case "aggregate" -> folded(grouped(step, 0), step);
            case "count-calls" -> {
                final String store = (String) step.get("store");
                builder.addStateStore(Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(store), S, L));
                yield isNamed(step)
                    ? stream(step, 0).processValues(() -> new CountCalls(store), named(step), store)
                    : stream(step, 0).processValues(() -> new CountCalls(store), store);
            }
            case "ticks" -> {
                final String store = (String) step.get("store");
                builder.addStateStore(Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore(store), S, L));
                final int everyMs = (Integer) step.get("everyMs");
                yield isNamed(step)
                    ? stream(step, 0).process(() -> new Ticks(store, everyMs), named(step), store)
                    : stream(step, 0).process(() -> new Ticks(store, everyMs), store);
            }
            case "transformTableValues" -> step.containsKey("store")
                ? table(step, 0).transformValues(Suffix::new, texts(step), named(step))
                : table(step, 0).transformValues(Suffix::new, named(step));
            case "windowed" -> windowed(step);
            case "cogroup" -> cogrouped(step);
            case "filterTable" -> step.containsKey("store") ? table(step, 0).filter((k, v) -> test(step, k, v), named(step), texts(step)) : table(step, 0).filter((k, v) -> test(step, k, v), named(step));
            case "filterNotTable" -> step.containsKey("store") ? table(step, 0).filterNot((k, v) -> test(step, k, v), named(step), texts(step)) : table(step, 0).filterNot((k, v) -> test(step, k, v), named(step));
            case "mapTableValues" -> step.containsKey("store") ? table(step, 0).mapValues((k, v) -> mapped(step, k, v), named(step), texts(step)) : table(step, 0).mapValues((k, v) -> mapped(step, k, v), named(step));
            case "toStream" -> table(step, 0).toStream(named(step));
            case "groupTable" -> groupedTable(step);
            case "suppress" -> {
                final Suppressed<Object> limit = Suppressed.untilTimeLimit(ms((Integer) step.get("limitMs")), Suppressed.BufferConfig.unbounded());
                yield table(step, 0).suppress(isNamed(step) ? limit.withName((String) step.get("name")) : limit);
            }
            case "joinTables" -> joinedTables(step);
            case "joinOnForeignKey" -> step.get("kind").equals("inner")
                ? table(step, 0).join(table(step, 1), RandomDsl::foreignKey, RandomDsl::joined, tableJoined(step), texts(step))
                : table(step, 0).leftJoin(table(step, 1), RandomDsl::foreignKey, RandomDsl::joined, tableJoined(step), texts(step));
            case "joinTable" -> {
                final Joined<String, String, String> with = step.containsKey("graceMs")
                    ? Joined.with(S, S, S, (String) step.get("name"), ms((Integer) step.get("graceMs")))
                    : isNamed(step) ? Joined.with(S, S, S, (String) step.get("name")) : Joined.with(S, S, S);
                yield step.get("kind").equals("inner")
                    ? stream(step, 0).join(table(step, 1), RandomDsl::joined, with)
                    : stream(step, 0).leftJoin(table(step, 1), RandomDsl::joined, with);
            }
            case "joinGlobal" -> joinedGlobal(step);
            case "joinStream" -> joinedStreams(step);
            default -> throw new IllegalStateException(op);
        };
    }

    private static TableJoined<String, String> tableJoined(final Map<String, Object> step) {
        return isNamed(step) ? TableJoined.as((String) step.get("name")) : TableJoined.with(null, null);
    }

    private KTable<String, String> sourceTable(final Map<String, Object> step) {
        final String topic = (String) step.get("topic");
        if (step.containsKey("historyMs")) {
            final String store = (String) step.get("store");
            return builder.table(topic, SS, Materialized.<String, String>as(Stores.persistentVersionedKeyValueStore(store, ms((Integer) step.get("historyMs")))).withKeySerde(S).withValueSerde(S));
        }
        return step.containsKey("store") ? builder.table(topic, SS, texts(step)) : builder.table(topic, SS);
    }

    private static Grouped<String, String> grouping(final Map<String, Object> step) {
        final Grouped<String, String> types = Grouped.with(S, S);
        return isNamed(step) ? types.withName((String) step.get("name")) : types;
    }

    private KGroupedStream<String, String> grouped(final Map<String, Object> step, final int at) {
        final Grouped<String, String> with = grouping(step);
        return step.containsKey("by") ? stream(step, at).groupBy((k, v) -> key(step, "by", k, v), with) : stream(step, at).groupByKey(with);
    }

    private static KTable<String, String> folded(final KGroupedStream<String, String> grouped, final Map<String, Object> step) {
        return switch ((String) step.get("fold")) {
            case "count" -> grouped.count(longs(step)).mapValues(n -> n == null ? null : "c" + n);
            case "reduce" -> grouped.reduce(RandomDsl::sum, texts(step));
            default -> grouped.aggregate(() -> "s0", (k, v, a) -> fold(step, v, a), texts(step));
        };
    }

    private KTable<String, String> groupedTable(final Map<String, Object> step) {
        final KGroupedTable<String, String> grouped = table(step, 0).groupBy((k, v) -> KeyValue.pair(key(step, "by", k, v), v), grouping(step));
        return switch ((String) step.get("fold")) {
            case "count" -> grouped.count(longs(step)).mapValues(n -> n == null ? null : "c" + n);
            case "reduce" -> grouped.reduce(RandomDsl::sum, RandomDsl::difference, texts(step));
            default -> grouped.aggregate(() -> "s0", (k, v, a) -> sum(a, v), (k, v, a) -> difference(a, v), texts(step));
        };
    }

    private Object windowed(final Map<String, Object> step) {
        final KGroupedStream<String, String> grouped = grouped(step, 0);
        final EmitStrategy emit = "close".equals(step.get("emit")) ? EmitStrategy.onWindowClose() : EmitStrategy.onWindowUpdate();
        final long size = (Integer) step.get("sizeMs");
        final long grace = (Integer) step.get("graceMs");
        final String how = (String) step.get("fold");
        KTable<Windowed<String>, String> table;
        if (step.get("windows").equals("session")) {
            final SessionWindowedKStream<String, String> windows = grouped.windowedBy(SessionWindows.ofInactivityGapAndGrace(ms(size), ms(grace))).emitStrategy(emit);
            table = switch (how) {
                case "count" -> windows.count(Materialized.<String, Long, SessionStore<Bytes, byte[]>>with(S, L).withRetention(ms(20_000))).mapValues(n -> n == null ? null : "c" + n);
                case "reduce" -> windows.reduce(RandomDsl::sum, Materialized.<String, String, SessionStore<Bytes, byte[]>>with(S, S).withRetention(ms(20_000)));
                default -> windows.aggregate(() -> "s0", (k, v, a) -> fold(step, v, a), (k, a, b) -> sum(a, b), Materialized.<String, String, SessionStore<Bytes, byte[]>>with(S, S).withRetention(ms(20_000)));
            };
        } else {
            final TimeWindowedKStream<String, String> windows = (step.get("windows").equals("sliding")
                ? grouped.windowedBy(SlidingWindows.ofTimeDifferenceAndGrace(ms(size), ms(grace)))
                : grouped.windowedBy(step.containsKey("advanceMs") ? TimeWindows.ofSizeAndGrace(ms(size), ms(grace)).advanceBy(ms((Integer) step.get("advanceMs"))) : TimeWindows.ofSizeAndGrace(ms(size), ms(grace)))).emitStrategy(emit);
            table = switch (how) {
                case "count" -> windows.count(Materialized.<String, Long, WindowStore<Bytes, byte[]>>with(S, L)).mapValues(n -> n == null ? null : "c" + n);
                case "reduce" -> windows.reduce(RandomDsl::sum, Materialized.<String, String, WindowStore<Bytes, byte[]>>with(S, S));
                default -> windows.aggregate(() -> "s0", (k, v, a) -> fold(step, v, a), Materialized.<String, String, WindowStore<Bytes, byte[]>>with(S, S));
            };
        }
        final Object suppress = step.get("suppress");
        if ("close".equals(suppress)) table = table.suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()));
        else if (suppress instanceof Integer limit) table = table.suppress(Suppressed.untilTimeLimit(ms(limit), Suppressed.BufferConfig.unbounded()));
        final Object group = step.get("group");
        if (group == null) return named(table);
        final KGroupedTable<String, String> again = table.groupBy((k, v) -> KeyValue.pair("t" + k.window().start() % 3, v), Grouped.with(S, S));
        return group.equals("count") ? again.count(kv(L)).mapValues(n -> n == null ? null : "c" + n) : again.aggregate(() -> "s0", (k, v, a) -> sum(a, v), (k, v, a) -> difference(a, v), kv(S));
    }

    private static KStream<String, String> named(final KTable<Windowed<String>, String> table) {
        return table.toStream((k, v) -> k.key() + "@" + k.window().start() + "-" + k.window().end());
    }

    private Object cogrouped(final Map<String, Object> step) {
        final CogroupedKStream<String, String> both = stream(step, 0).groupByKey(Grouped.with(S, S)).<String>cogroup((k, v, a) -> sum(a, v))
            .cogroup(stream(step, 1).groupByKey(Grouped.with(S, S)), (k, v, a) -> sum(a, v) + ".");
        if (!step.containsKey("windows")) return both.aggregate(() -> "s0", texts(step));
        final long size = (Integer) step.get("sizeMs");
        final long grace = (Integer) step.get("graceMs");
        return named(switch ((String) step.get("windows")) {
            case "session" -> both.windowedBy(SessionWindows.ofInactivityGapAndGrace(ms(size), ms(grace))).aggregate(() -> "s0", (k, a, b) -> sum(a, b), Materialized.<String, String, SessionStore<Bytes, byte[]>>with(S, S).withRetention(ms(20_000)));
            case "sliding" -> both.windowedBy(SlidingWindows.ofTimeDifferenceAndGrace(ms(size), ms(grace))).aggregate(() -> "s0", Materialized.<String, String, WindowStore<Bytes, byte[]>>with(S, S));
            default -> both.windowedBy(step.containsKey("advanceMs") ? TimeWindows.ofSizeAndGrace(ms(size), ms(grace)).advanceBy(ms((Integer) step.get("advanceMs"))) : TimeWindows.ofSizeAndGrace(ms(size), ms(grace)))
                .aggregate(() -> "s0", Materialized.<String, String, WindowStore<Bytes, byte[]>>with(S, S));
        });
    }

    private KTable<String, String> joinedTables(final Map<String, Object> step) {
        final KTable<String, String> left = table(step, 0);
        final KTable<String, String> right = table(step, 1);
        final boolean isStored = step.containsKey("store");
        return switch ((String) step.get("kind")) {
            case "inner" -> isStored ? left.join(right, RandomDsl::joined, named(step), texts(step)) : left.join(right, RandomDsl::joined, named(step));
            case "left" -> isStored ? left.leftJoin(right, RandomDsl::joined, named(step), texts(step)) : left.leftJoin(right, RandomDsl::joined, named(step));
            default -> isStored ? left.outerJoin(right, RandomDsl::joined, named(step), texts(step)) : left.outerJoin(right, RandomDsl::joined, named(step));
        };
    }

    @SuppressWarnings("unchecked")
    private KStream<String, String> joinedGlobal(final Map<String, Object> step) {
        final GlobalKTable<String, String> rows = (GlobalKTable<String, String>) nodes.get(((List<Integer>) step.get("from")).get(1));
        return step.get("kind").equals("inner")
            ? stream(step, 0).join(rows, (k, v) -> key(step, "key", k, v), RandomDsl::joined, named(step))
            : stream(step, 0).leftJoin(rows, (k, v) -> key(step, "key", k, v), RandomDsl::joined, named(step));
    }

    private KStream<String, String> joinedStreams(final Map<String, Object> step) {
        final JoinWindows windows = JoinWindows.ofTimeDifferenceAndGrace(ms((Integer) step.get("withinMs")), ms((Integer) step.get("graceMs")));
        final StreamJoined<String, String, String> types = StreamJoined.with(S, S, S);
        final StreamJoined<String, String, String> with = isNamed(step) ? types.withName((String) step.get("name")) : types;
        final KStream<String, String> left = stream(step, 0);
        final KStream<String, String> right = stream(step, 1);
        return switch ((String) step.get("kind")) {
            case "inner" -> left.join(right, RandomDsl::joined, windows, with);
            case "left" -> left.leftJoin(right, RandomDsl::joined, windows, with);
            default -> left.outerJoin(right, RandomDsl::joined, windows, with);
        };
    }

    private static boolean test(final Map<String, Object> step, final String key, final String value) {
        return switch ((String) step.get("fn")) {
            case "even" -> number(value) % 2 == 0;
            case "third" -> number(value) % 3 == 0;
            case "present" -> value != null;
            default -> "a".equals(key);
        };
    }

    private static String mapped(final Map<String, Object> step, final String key, final String value) {
        if (value == null) return null;
        return switch ((String) step.get("fn")) {
            case "bang" -> value + "!";
            case "mod" -> "v" + number(value) % 5;
            case "holes" -> number(value) % 4 == 0 ? null : value + "?";
            default -> "v" + number(value) + "/" + key;
        };
    }

    private static String key(final Map<String, Object> step, final String field, final String key, final String value) {
        return switch ((String) step.get(field)) {
            case "mod" -> "n" + number(value) % 3;
            case "holes" -> number(value) % 5 == 0 ? null : "n" + number(value) % 4;
            case "const" -> "a";
            default -> key;
        };
    }

    private static String foreignKey(final String value) {
        return number(value) % 6 == 0 ? null : String.valueOf("abcde".charAt((int) (number(value) % 5)));
    }

    private static String joined(final String left, final String right) {
        return (left == null ? "-" : "v" + number(left)) + "+" + (right == null ? "-" : "v" + number(right));
    }

    private static String sum(final String a, final String b) {
        return "s" + (number(a) + number(b)) % 100_000;
    }

    private static String difference(final String a, final String b) {
        return "s" + (number(a) - number(b));
    }

    private static String fold(final Map<String, Object> step, final String value, final String aggregate) {
        final long total = (number(aggregate) + number(value)) % 100_000;
        return step.get("fold").equals("aggregate-holes") && total % 4 == 0 ? null : "s" + total;
    }

    /** Counts per key; at every tick of stream time it tells all counts. */
    private static final class Ticks extends ContextualProcessor<String, String, String, String> {
        private final String store;
        private final int everyMs;
        private KeyValueStore<String, Long> counts;

        Ticks(final String store, final int everyMs) {
            this.store = store;
            this.everyMs = everyMs;
        }

        @Override
        public void init(final ProcessorContext<String, String> context) {
            super.init(context);
            counts = context.getStateStore(store);
            context.schedule(ms(everyMs), PunctuationType.STREAM_TIME, this::tick);
        }

        @Override
        public void process(final Record<String, String> record) {
            if (record.key() != null) count(counts, record.key());
        }

        private void tick(final long timestamp) {
            try (KeyValueIterator<String, Long> rows = counts.all()) {
                while (rows.hasNext()) {
                    final KeyValue<String, Long> row = rows.next();
                    context().forward(new Record<>(row.key, "t" + row.value, timestamp));
                }
            }
        }
    }

    private static final class Suffix implements ValueTransformerWithKey<String, String, String> {
        @Override
        public void init(final org.apache.kafka.streams.processor.ProcessorContext context) {
        }

        @Override
        public String transform(final String key, final String value) {
            return value == null ? "v0/" + key : "v" + number(value) + "/" + key;
        }

        @Override
        public void close() {
        }
    }

    /** Counts per key how often it was called. */
    private static final class CountCalls extends ContextualFixedKeyProcessor<String, String, String> {
        private final String store;
        private KeyValueStore<String, Long> calls;

        CountCalls(final String store) {
            this.store = store;
        }

        @Override
        public void init(final FixedKeyProcessorContext<String, String> context) {
            super.init(context);
            calls = context.getStateStore(store);
        }

        @Override
        public void process(final FixedKeyRecord<String, String> record) {
            if (record.key() == null) {
                context().forward(record);
                return;
            }
            context().forward(record.withValue("v" + number(record.value()) + "#" + count(calls, record.key())));
        }
    }
}
