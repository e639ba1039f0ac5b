package differential;

import static differential.Case.Kind.int64;
import static differential.Case.Kind.string;
import static differential.Case.dsl;
import static differential.Dsl.*;
import static differential.Inputs.Values.SEQUENCE;
import static differential.StatelessCases.one;
import static differential.StatelessCases.references;

import java.util.List;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.VersionedKeyValueStore;
import org.apache.kafka.streams.state.VersionedRecord;

/** Versioned stores: reads as of a time, out-of-order writes, and versioned tables. */
final class VersionedCases {
    static List<Case> all() {
        return List.of(
            dsl("versioned-store-as-of", b -> {
                b.addStateStore(Stores.versionedKeyValueStoreBuilder(Stores.persistentVersionedKeyValueStore("history", ms(4000)), S, S));
                b.stream("in", SS).process(AsOf::new, "history").to("out", OUT);
            }).in(one().disorder(2500).late(9000).keys("a", "b").tombstones(0.2)).out("out", string, string).store("history"),
            dsl("versioned-store-delete", b -> {
                b.addStateStore(Stores.versionedKeyValueStoreBuilder(Stores.persistentVersionedKeyValueStore("history", ms(6000)), S, S));
                b.stream("in", SS).process(Delete::new, "history").to("out", OUT);
            }).in(one().disorder(2500).late(9000).keys("a", "b")).out("out", string, string).store("history"),
            dsl("versioned-table", b -> b.table("in", SS, versioned("history", 5000)).toStream().to("out", OUT))
                .in(one().disorder(2500).late(9000)).out("out", string, string).store("history"),
            dsl("versioned-table-filter", b -> b.table("in", SS, versioned("history", 5000)).filter((k, v) -> even(v)).toStream().to("out", OUT))
                .in(one().disorder(2500).late(9000)).out("out", string, string).store("history"),
            dsl("versioned-table-group", b -> b.table("in", SS, versioned("history", 5000)).groupBy((k, v) -> KeyValue.pair(reference(v), number(v)), BY_L)
                .reduce(Long::sum, (a, v) -> a - v, kv("sums", L)).toStream().to("out", OUT_L)).in(references().disorder(2500).late(9000)).out("out", string, int64).store("sums"),
            dsl("versioned-table-table", b -> b.table("left", SS, versioned("lefts", 5000)).join(b.table("right", SS, versioned("rights", 5000)), Dsl::pair).toStream().to("out", OUT))
                .in(new Inputs().topic("left", SEQUENCE).topic("right", SEQUENCE).disorder(2500).late(9000)).out("out", string, string).store("lefts", "rights"),
            dsl("versioned-aggregate", b -> b.stream("in", SS).groupByKey(BY).aggregate(() -> "", (k, v, a) -> a + v, versioned("history", 5000)).toStream().to("out", OUT))
                .in(one().disorder(2500).count(60)).out("out", string, string).store("history")
        );
    }

    private static Materialized<String, String, KeyValueStore<Bytes, byte[]>> versioned(final String name, final long historyMs) {
        return Materialized.<String, String>as(Stores.persistentVersionedKeyValueStore(name, ms(historyMs))).withKeySerde(S).withValueSerde(S);
    }

    /** Without validTo: Java's store never fills it in for single reads. */
    private static String shown(final VersionedRecord<String> row) {
        return row == null ? "-" : row.value() + "@" + row.timestamp();
    }

    /** Writes at the record's time, then reads now, as of a second before, and as of three seconds before. */
    static final class AsOf extends ContextualProcessor<String, String, String, String> {
        private VersionedKeyValueStore<String, String> history;

        @Override
        public void init(final ProcessorContext<String, String> context) {
            super.init(context);
            history = context.getStateStore("history");
        }

        @Override
        public void process(final Record<String, String> record) {
            if (record.key() == null) return;
            final long put = history.put(record.key(), record.value(), record.timestamp());
            final long now = record.timestamp();
            context().forward(record.withValue("put " + put + " now " + shown(history.get(record.key())) + " at " + shown(history.get(record.key(), now))
                + " 1s " + shown(history.get(record.key(), now - 1000)) + " 3s " + shown(history.get(record.key(), now - 3000))));
        }
    }

    /** Every fourth record deletes instead. */
    static final class Delete extends ContextualProcessor<String, String, String, String> {
        private VersionedKeyValueStore<String, String> history;

        @Override
        public void init(final ProcessorContext<String, String> context) {
            super.init(context);
            history = context.getStateStore("history");
        }

        @Override
        public void process(final Record<String, String> record) {
            if (record.key() == null || record.value() == null) return;
            final String did = number(record.value()) % 4 == 0
                ? "deleted " + shown(history.delete(record.key(), record.timestamp()))
                : "put " + history.put(record.key(), record.value(), record.timestamp());
            context().forward(record.withValue(did + " now " + shown(history.get(record.key()))));
        }
    }
}
