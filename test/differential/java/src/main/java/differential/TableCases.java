package differential;

import static differential.Case.Kind.int64;
import static differential.Case.Kind.string;
import static differential.Case.dsl;
import static differential.Dsl.*;
import static differential.StatelessCases.numbers;
import static differential.StatelessCases.one;
import static differential.StatelessCases.references;

import java.util.List;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.ValueTransformerWithKey;
import org.apache.kafka.streams.processor.ProcessorContext;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** KTable operators and grouped tables. */
final class TableCases {
    static List<Case> all() {
        return List.of(
            dsl("table-to-stream", b -> b.table("in", SS).toStream().to("out", OUT)).in(one().disorder(1500)).out("out", string, string),
            dsl("table-materialized", b -> b.table("in", SS, kv("rows", S)).toStream().to("out", OUT)).in(one().disorder(1500)).out("out", string, string).store("rows"),
            dsl("table-materialized-uncached", b -> b.table("in", SS, kv("rows", S).withCachingDisabled()).toStream().to("out", OUT))
                .in(one().disorder(1500)).out("out", string, string).store("rows"),
            dsl("table-to-stream-rekeyed", b -> b.table("in", SS).toStream((k, v) -> k + k).to("out", OUT)).in(one()).out("out", string, string),
            dsl("table-filter", b -> b.table("in", SS).filter((k, v) -> even(v)).toStream().to("out", OUT)).in(one()).out("out", string, string),
            dsl("table-filter-not", b -> b.table("in", SS, kv("rows", S)).filterNot((k, v) -> even(v)).toStream().to("out", OUT)).in(one()).out("out", string, string),
            dsl("table-filter-materialized", b -> b.table("in", SS).filter((k, v) -> even(v), Named.as("evens"), kv("even-rows", S)).toStream().to("out", OUT))
                .in(one().disorder(1500)).out("out", string, string).store("even-rows"),
            dsl("table-filter-materialized-uncached", b -> b.table("in", SS).filter((k, v) -> even(v), kv("even-rows", S).withCachingDisabled()).toStream().to("out", OUT))
                .in(one().disorder(1500)).out("out", string, string).store("even-rows"),
            dsl("table-map-values", b -> b.table("in", SS).mapValues(v -> number(v)).toStream().to("out", OUT_L)).in(one()).out("out", string, int64),
            dsl("table-map-values-materialized", b -> b.table("in", SS).mapValues((k, v) -> k + v, kv("mapped", S)).toStream().to("out", OUT))
                .in(one()).out("out", string, string).store("mapped"),
            dsl("table-filter-map-filter", b -> b.table("in", SS).filter((k, v) -> number(v) % 3 != 0).mapValues(v -> v + "m").filterNot((k, v) -> k.equals("b")).toStream().to("out", OUT))
                .in(one()).out("out", string, string),
            dsl("table-transform-values", b -> {
                b.addStateStore(Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore("seen"), S, L));
                b.table("in", SS).transformValues(Seen::new, "seen").toStream().to("out", OUT);
            }).in(one()).out("out", string, string).store("seen"),
            dsl("table-transform-values-materialized", b -> b.table("in", SS).transformValues(Suffix::new, kv("suffixed", S)).toStream().to("out", OUT))
                .in(one().tombstones(0.2)).out("out", string, string).store("suffixed"),
            dsl("table-group-count", b -> b.table("in", SS).groupBy((k, v) -> KeyValue.pair(reference(v), v), BY).count(kv("counts", L)).toStream().to("out", OUT_L))
                .in(references()).out("out", string, int64).store("counts"),
            dsl("table-group-count-uncached", b -> b.table("in", SS, kv("rows", S).withCachingDisabled()).groupBy((k, v) -> KeyValue.pair(reference(v), v), BY)
                .count(kv("counts", L).withCachingDisabled()).toStream().to("out", OUT_L))
                .in(references()).out("out", string, int64).store("counts"),
            dsl("table-group-reduce", b -> b.table("in", SS).groupBy((k, v) -> KeyValue.pair(reference(v), number(v)), BY_L)
                .reduce(Long::sum, (a, v) -> a - v, kv("sums", L)).toStream().to("out", OUT_L)).in(references().disorder(1500)).out("out", string, int64).store("sums"),
            dsl("table-group-aggregate", b -> b.table("in", SS).groupBy((k, v) -> KeyValue.pair(reference(v), v), Grouped.<String, String>as("by-row").withKeySerde(S).withValueSerde(S))
                .aggregate(() -> "", (k, v, a) -> a + "+" + v, (k, v, a) -> a + "-" + v, kv("traces", S)).toStream().to("out", OUT))
                .in(references().count(70)).out("out", string, string).store("traces"),
            dsl("table-group-aggregate-same-key", b -> b.table("in", SS).groupBy((k, v) -> KeyValue.pair(k, number(v)), BY_L)
                .aggregate(() -> 0L, (k, v, a) -> a + v, (k, v, a) -> a - v, kv("sums", L)).toStream().to("out", OUT_L)).in(references()).out("out", string, int64).store("sums"),
            dsl("table-group-aggregate-to-null", b -> b.table("in", SS).groupBy((k, v) -> KeyValue.pair(reference(v), 1L), BY_L)
                .aggregate(() -> 0L, (k, v, a) -> a == null ? 1L : a + v, (k, v, a) -> a == 1 ? null : a - v, kv("left", L)).toStream().to("out", OUT_L))
                .in(references().keys("a", "b").tombstones(0.3)).out("out", string, int64).store("left"),
            dsl("table-rekeyed-aggregate-of-aggregate", b -> b.stream("in", SL).groupByKey(BY_L).count(kv("per-key", L))
                .groupBy((k, v) -> KeyValue.pair("c" + v % 3, k), BY).count(kv("per-count", L)).toStream().to("out", OUT_L))
                .in(numbers()).out("out", string, int64).store("per-key", "per-count"),
            dsl("table-two-readers", b -> {
                final KTable<String, String> rows = b.table("in", SS, Materialized.<String, String, KeyValueStore<Bytes, byte[]>>as("rows"));
                rows.toStream().to("plain", OUT);
                rows.mapValues(v -> v + "m").toStream().to("mapped", OUT);
            }).in(one()).out("plain", string, string).out("mapped", string, string).store("rows")
        );
    }

    /** Counts per key how often it was called. */
    private static final class Seen implements ValueTransformerWithKey<String, String, String> {
        private KeyValueStore<String, Long> seen;

        @Override
        public void init(final ProcessorContext context) {
            seen = context.getStateStore("seen");
        }

        @Override
        public String transform(final String key, final String value) {
            if (value == null) return null;
            return value + "#" + count(seen, key);
        }

        @Override
        public void close() {
        }
    }

    private static final class Suffix implements ValueTransformerWithKey<String, String, String> {
        @Override
        public void init(final ProcessorContext context) {
        }

        @Override
        public String transform(final String key, final String value) {
            return value == null ? "gone-" + key : value + "-" + key;
        }

        @Override
        public void close() {
        }
    }
}
