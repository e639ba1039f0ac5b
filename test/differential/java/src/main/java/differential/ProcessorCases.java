package differential;

import static differential.Case.Kind.int64;
import static differential.Case.Kind.string;
import static differential.Case.dsl;
import static differential.Case.papi;
import static differential.Dsl.*;
import static differential.StatelessCases.numbers;
import static differential.StatelessCases.one;
import static differential.StatelessCases.two;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.internals.SessionWindow;
import org.apache.kafka.streams.processor.Cancellable;
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
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;
import org.apache.kafka.streams.state.WindowStoreIterator;

/** The Processor API: stores, punctuators, headers, named children, and topologies without the DSL. */
final class ProcessorCases {
    static List<Case> all() {
        return List.of(
            dsl("process-stateless", b -> b.stream("in", SS).process(Fan::new).to("out", OUT)).in(one().headers(0.5)).out("out", string, string),
            dsl("process-store", b -> {
                b.addStateStore(counts());
                b.stream("in", SS).process(Count::new, Named.as("counting"), "counts").to("out", OUT_L);
            }).in(one()).out("out", string, int64).store("counts"),
            dsl("process-values-store", b -> {
                b.addStateStore(counts());
                b.stream("in", SS).processValues(CountValues::new, "counts").to("out", OUT);
            }).in(one().headers(0.5)).out("out", string, string).store("counts"),
            dsl("process-values-keeps-key", b -> {
                b.addStateStore(counts());
                b.stream("in", SS).processValues(CountValues::new, "counts").groupByKey(BY).count(kv("totals", L)).toStream().to("out", OUT_L);
            }).in(one().nullKeys(0)).out("out", string, int64).store("counts", "totals"),
            dsl("process-then-group", b -> {
                b.addStateStore(counts());
                b.stream("in", SS).process(Count::new, "counts").groupByKey(BY_L).reduce(Long::sum, kv("totals", L)).toStream().to("out", OUT_L);
            }).in(one()).out("out", string, int64).store("counts", "totals"),
            dsl("process-two-share-store", b -> {
                b.addStateStore(counts());
                b.stream("left", SS).process(Count::new, "counts").to("left-out", OUT_L);
                b.stream("right", SS).process(Count::new, "counts").to("right-out", OUT_L);
            }).in(two()).out("left-out", string, int64).out("right-out", string, int64).store("counts"),
            dsl("process-metadata", b -> b.stream(List.of("left", "right"), SS).process(Metadata::new).to("out", OUT)).in(two().disorder(1000)).out("out", string, string),
            dsl("process-range", b -> {
                b.addStateStore(counts());
                b.stream("in", SS).process(Range::new, "counts").to("out", OUT);
            }).in(one().count(60)).out("out", string, string).store("counts"),
            dsl("process-window-store", b -> {
                b.addStateStore(Stores.windowStoreBuilder(Stores.persistentWindowStore("windows", ms(300_000), ms(1000), false), S, S));
                b.stream("in", SS).process(Windows::new, "windows").to("out", OUT);
            }).in(one().disorder(2500).count(80)).out("out", string, string).store("windows"),
            dsl("process-session-store", b -> {
                b.addStateStore(Stores.sessionStoreBuilder(Stores.persistentSessionStore("sessions", ms(300_000)), S, S));
                b.stream("in", SS).process(Sessions::new, "sessions").to("out", OUT);
            }).in(one().disorder(2500).count(80)).out("out", string, string).store("sessions"),
            dsl("headers-set", b -> b.stream("in", SS).processValues(SetHeaders::new).mapValues(v -> v + "!").to("out", OUT)).in(one().headers(0.5)).out("out", string, string),
            dsl("headers-through-aggregate", b -> b.stream("in", SS).processValues(SetHeaders::new).groupByKey(BY).count(kv("counts", L)).toStream().processValues(ShowHeaders::new).to("out", OUT))
                .in(one().headers(0.5)).out("out", string, string),
            dsl("headers-through-repartition", b -> b.stream("in", SS).processValues(SetHeaders::new).filter((k, v) -> v != null).groupBy((k, v) -> "n" + number(v) % 3, BY).count(kv("counts", L)).toStream().to("out", OUT_L))
                .in(one().headers(0.5)).out("differential-counts-repartition", string, string).out("out", string, int64),
            dsl("punctuate-stream-time", b -> {
                b.addStateStore(counts());
                b.stream("in", SS).process(() -> new Ticker(1000, PunctuationType.STREAM_TIME, 0), "counts").to("out", OUT);
            }).in(one().disorder(700)).out("out", string, string).store("counts"),
            dsl("punctuate-stream-time-jumps", b -> {
                b.addStateStore(counts());
                b.stream("in", SS).process(() -> new Ticker(300, PunctuationType.STREAM_TIME, 0), "counts").to("out", OUT);
            }).in(one().step(2500).count(60)).out("out", string, string),
            dsl("punctuate-wall-clock", b -> {
                b.addStateStore(counts());
                b.stream("in", SS).process(() -> new Ticker(1000, PunctuationType.WALL_CLOCK_TIME, 0), "counts").to("out", OUT);
            }).in(one().wallClock(1800)).out("out", string, string).store("counts"),
            dsl("punctuate-cancel", b -> {
                b.addStateStore(counts());
                b.stream("in", SS).process(() -> new Ticker(1000, PunctuationType.STREAM_TIME, 4), "counts").to("out", OUT);
            }).in(one()).out("out", string, string),
            dsl("punctuate-cancel-wall-clock", b -> {
                b.addStateStore(counts());
                b.stream("in", SS).process(() -> new Ticker(700, PunctuationType.WALL_CLOCK_TIME, 3), "counts").to("out", OUT);
            }).in(one().wallClock(1800)).out("out", string, string),
            dsl("punctuate-schedule-in-process", b -> b.stream("in", SS).process(Alarm::new).to("out", OUT)).in(one().wallClock(900)).out("out", string, string),
            dsl("punctuate-downstream", b -> {
                b.addStateStore(counts());
                b.stream("in", SS).process(() -> new Ticker(1500, PunctuationType.STREAM_TIME, 0), "counts").groupByKey(BY).count(kv("ticks", L)).toStream().to("out", OUT_L);
            }).in(one()).out("out", string, int64).store("ticks"),
            papi("papi-pipe", t -> t
                .addSource("source", new StringDeserializer(), new StringDeserializer(), "in")
                .addProcessor("fan", Fan::new, "source")
                .addSink("sink", "out", new StringSerializer(), new StringSerializer(), "fan")).in(one()).out("out", string, string),
            papi("papi-named-children", t -> t
                .addSource("source", new StringDeserializer(), new StringDeserializer(), "in")
                .addProcessor("route", Route::new, "source")
                .addSink("even", "even", new StringSerializer(), new StringSerializer(), "route")
                .addSink("odd", "odd", new StringSerializer(), new StringSerializer(), "route")).in(one()).out("even", string, string).out("odd", string, string),
            papi("papi-diamond", t -> t
                .addSource("source", new StringDeserializer(), new StringDeserializer(), "in")
                .addProcessor("one", Fan::new, "source")
                .addProcessor("two", Fan::new, "source")
                .addProcessor("join", Fan::new, "one", "two")
                .addSink("sink", "out", new StringSerializer(), new StringSerializer(), "join")).in(one().count(60)).out("out", string, string),
            papi("papi-shared-store", t -> t
                .addSource("lefts", new StringDeserializer(), new StringDeserializer(), "left")
                .addSource("rights", new StringDeserializer(), new StringDeserializer(), "right")
                .addProcessor("count-left", Count::new, "lefts")
                .addProcessor("count-right", Count::new, "rights")
                .addStateStore(counts(), "count-left", "count-right")
                .addSink("sink", "out", new StringSerializer(), L.serializer(), "count-left", "count-right")).in(two()).out("out", string, int64).store("counts")
        );
    }

    private static StoreBuilder<KeyValueStore<String, Long>> counts() {
        return Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore("counts"), S, L);
    }

    /** Forwards a record 0, 1 or 2 times. */
    static final class Fan extends ContextualProcessor<String, String, String, String> {
        @Override
        public void process(final Record<String, String> record) {
            final long times = number(record.value()) % 3;
            for (int n = 0; n < times; n++) context().forward(record.withValue(record.value() + "." + n).withTimestamp(record.timestamp() + n));
        }
    }

    static final class Count extends ContextualProcessor<String, String, String, Long> {
        private KeyValueStore<String, Long> counts;

        @Override
        public void init(final ProcessorContext<String, Long> context) {
            super.init(context);
            counts = context.getStateStore("counts");
        }

        @Override
        public void process(final Record<String, String> record) {
            if (record.key() == null) return;
            if (record.value() == null) {
                final Long before = counts.delete(record.key());
                context().forward(record.withValue(before));
                return;
            }
            final Long before = counts.putIfAbsent(record.key(), 1L);
            if (before != null) counts.put(record.key(), before + 1);
            context().forward(record.withValue(counts.get(record.key())));
        }
    }

    static final class CountValues extends ContextualFixedKeyProcessor<String, String, String> {
        private KeyValueStore<String, Long> counts;

        @Override
        public void init(final FixedKeyProcessorContext<String, String> context) {
            super.init(context);
            counts = context.getStateStore("counts");
        }

        @Override
        public void process(final FixedKeyRecord<String, String> record) {
            final String key = record.key() == null ? "none" : record.key();
            final long times = count(counts, key);
            if (times % 4 != 0) context().forward(record.withValue(record.value() + "#" + times));
        }
    }

    static final class Metadata extends ContextualProcessor<String, String, String, String> {
        @Override
        public void process(final Record<String, String> record) {
            final var metadata = context().recordMetadata().orElseThrow();
            context().forward(record.withValue(metadata.topic() + "/" + metadata.partition() + "@" + context().currentStreamTimeMs() + " " + context().taskId()));
        }
    }

    /** Counts, and answers every record with a part of the store, forwards and backwards. */
    static final class Range extends ContextualProcessor<String, String, String, String> {
        private KeyValueStore<String, Long> counts;

        @Override
        public void init(final ProcessorContext<String, String> context) {
            super.init(context);
            counts = context.getStateStore("counts");
        }

        @Override
        public void process(final Record<String, String> record) {
            if (record.key() == null) return;
            counts.put(record.key(), record.value() == null ? null : number(record.value()));
            context().forward(record.withValue(shown(counts.range("b", "c")) + " < " + shown(counts.reverseRange(null, "c")) + " < " + shown(counts.all())));
        }

        private static String shown(final KeyValueIterator<String, Long> rows) {
            final StringBuilder text = new StringBuilder();
            try (rows) {
                while (rows.hasNext()) {
                    final KeyValue<String, Long> row = rows.next();
                    text.append(row.key).append(row.value);
                }
            }
            return text.toString();
        }
    }

    /** Keeps each record in a window of its own second and answers with the key's last four seconds. */
    static final class Windows extends ContextualProcessor<String, String, String, String> {
        private WindowStore<String, String> windows;

        @Override
        public void init(final ProcessorContext<String, String> context) {
            super.init(context);
            windows = context.getStateStore("windows");
        }

        @Override
        public void process(final Record<String, String> record) {
            if (record.key() == null) return;
            final long start = record.timestamp() - record.timestamp() % 1000;
            windows.put(record.key(), record.value(), start);
            final StringBuilder text = new StringBuilder();
            try (WindowStoreIterator<String> rows = windows.fetch(record.key(), start - 3000, start + 1000)) {
                while (rows.hasNext()) {
                    final KeyValue<Long, String> row = rows.next();
                    text.append(row.key / 1000).append(row.value).append(' ');
                }
            }
            try (WindowStoreIterator<String> rows = windows.backwardFetch(record.key(), start - 3000, start)) {
                while (rows.hasNext()) text.append('<').append(rows.next().key / 1000);
            }
            context().forward(record.withValue(text + "=" + windows.fetch(record.key(), start - 1000)));
        }
    }

    /** Merges sessions by hand: gap 1 s. */
    static final class Sessions extends ContextualProcessor<String, String, String, String> {
        private SessionStore<String, String> sessions;

        @Override
        public void init(final ProcessorContext<String, String> context) {
            super.init(context);
            sessions = context.getStateStore("sessions");
        }

        @Override
        public void process(final Record<String, String> record) {
            if (record.key() == null || record.value() == null) return;
            long start = record.timestamp();
            long end = record.timestamp();
            final StringBuilder value = new StringBuilder();
            final List<Windowed<String>> merged = new ArrayList<>();
            try (KeyValueIterator<Windowed<String>, String> found = sessions.findSessions(record.key(), start - 1000, end + 1000)) {
                while (found.hasNext()) {
                    final KeyValue<Windowed<String>, String> row = found.next();
                    merged.add(row.key);
                    start = Math.min(start, row.key.window().start());
                    end = Math.max(end, row.key.window().end());
                    value.append(row.value).append('&');
                }
            }
            merged.forEach(sessions::remove);
            sessions.put(new Windowed<>(record.key(), new SessionWindow(start, end)), value + record.value());
            context().forward(record.withValue(merged.size() + ":" + start + "-" + end + " " + sessions.fetchSession(record.key(), start, end)));
        }
    }

    static final class SetHeaders extends ContextualFixedKeyProcessor<String, String, String> {
        @Override
        public void process(final FixedKeyRecord<String, String> record) {
            final Headers headers = new RecordHeaders(record.headers());
            if (record.value() != null && even(record.value())) headers.remove("trace");
            headers.add("seen", ("by-" + record.key()).getBytes(StandardCharsets.UTF_8));
            context().forward(record.withHeaders(headers));
        }
    }

    static final class ShowHeaders extends ContextualFixedKeyProcessor<String, Long, String> {
        @Override
        public void process(final FixedKeyRecord<String, Long> record) {
            final StringBuilder text = new StringBuilder().append(record.value());
            for (final Header header : record.headers()) text.append(' ').append(header.key()).append('=').append(new String(header.value(), StandardCharsets.UTF_8));
            context().forward(record.withValue(text.toString()));
        }
    }

    /** Counts per key; at every tick tells all counts; cancels itself after so many ticks (0 = never). */
    static final class Ticker extends ContextualProcessor<String, String, String, String> {
        private final long interval;
        private final PunctuationType type;
        private final int limit;
        private KeyValueStore<String, Long> counts;
        private Cancellable schedule;
        private int ticks = 0;

        Ticker(final long interval, final PunctuationType type, final int limit) {
            this.interval = interval;
            this.type = type;
            this.limit = limit;
        }

        @Override
        public void init(final ProcessorContext<String, String> context) {
            super.init(context);
            counts = context.getStateStore("counts");
            schedule = context.schedule(ms(interval), type, this::tick);
        }

        @Override
        public void process(final Record<String, String> record) {
            if (record.key() != null) count(counts, record.key());
        }

        private void tick(final long timestamp) {
            ticks++;
            try (KeyValueIterator<String, Long> rows = counts.all()) {
                while (rows.hasNext()) {
                    final KeyValue<String, Long> row = rows.next();
                    context().forward(new Record<>(row.key, row.value + " at tick " + ticks, timestamp));
                }
            }
            if (ticks == limit) schedule.cancel();
        }
    }

    /** Every fifth record sets an alarm by the wall clock and one by stream time; each rings once. No two at the same time: there is no order for those. */
    static final class Alarm extends ContextualProcessor<String, String, String, String> {
        private int records = 0;

        @Override
        public void process(final Record<String, String> record) {
            if (++records % 5 != 0) return;
            set("wall" + records, PunctuationType.WALL_CLOCK_TIME);
            set("stream" + records, PunctuationType.STREAM_TIME);
        }

        private void set(final String name, final PunctuationType type) {
            final Cancellable[] alarm = new Cancellable[1];
            alarm[0] = context().schedule(ms(1000 + records), type, timestamp -> {
                context().forward(new Record<>(name, String.valueOf(timestamp), timestamp));
                alarm[0].cancel();
            });
        }
    }

    static final class Route extends ContextualProcessor<String, String, String, String> {
        @Override
        public void process(final Record<String, String> record) {
            if (number(record.value()) % 5 == 0) context().forward(record);
            else context().forward(record, even(record.value()) ? "even" : "odd");
        }
    }
}
