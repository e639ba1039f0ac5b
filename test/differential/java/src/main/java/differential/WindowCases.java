package differential;

import static differential.Case.Kind.int64;
import static differential.Case.Kind.session;
import static differential.Case.Kind.string;
import static differential.Case.Kind.window;
import static differential.Case.dsl;
import static differential.Dsl.*;
import static differential.StatelessCases.numbers;
import static differential.StatelessCases.one;

import java.util.List;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.SessionWindowedKStream;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.TimeWindowedKStream;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.StreamsBuilder;

/** Windowed aggregations: every kind of window, with late records, on update and on close. */
final class WindowCases {
    private static final TimeWindows TUMBLING = TimeWindows.ofSizeWithNoGrace(ms(2000));
    private static final TimeWindows TUMBLING_GRACE = TimeWindows.ofSizeAndGrace(ms(2000), ms(1000));
    private static final TimeWindows HOPPING = TimeWindows.ofSizeAndGrace(ms(3000), ms(500)).advanceBy(ms(1000));
    private static final TimeWindows GAPPED = TimeWindows.ofSizeAndGrace(ms(1000), ms(2000)).advanceBy(ms(700));
    private static final SlidingWindows SLIDING = SlidingWindows.ofTimeDifferenceWithNoGrace(ms(1000));
    private static final SlidingWindows SLIDING_GRACE = SlidingWindows.ofTimeDifferenceAndGrace(ms(1000), ms(1500));
    private static final SessionWindows SESSION = SessionWindows.ofInactivityGapWithNoGrace(ms(900));
    private static final SessionWindows SESSION_GRACE = SessionWindows.ofInactivityGapAndGrace(ms(900), ms(2000));

    static List<Case> all() {
        return List.of(
            dsl("tumbling-count", b -> in(b).windowedBy(TUMBLING).count(win("counts", L)).toStream().to("out", windowed(2000, L)))
                .in(one()).out("out", window, int64).store("counts"),
            dsl("tumbling-count-grace", b -> in(b).windowedBy(TUMBLING_GRACE).count(win("counts", L)).toStream().to("out", windowed(2000, L)))
                .in(late()).out("out", window, int64).store("counts"),
            dsl("tumbling-count-uncached", b -> in(b).windowedBy(TUMBLING_GRACE).count(win("counts", L).withCachingDisabled()).toStream().to("out", windowed(2000, L)))
                .in(late()).out("out", window, int64).store("counts"),
            dsl("tumbling-count-at-zero", b -> in(b).windowedBy(TUMBLING).count(win("counts", L)).toStream().to("out", windowed(2000, L)))
                .in(one().start(0).disorder(600)).out("out", window, int64).store("counts"),
            dsl("tumbling-reduce", b -> inL(b).windowedBy(TUMBLING_GRACE).reduce(Dsl::sum, win("sums", L)).toStream().to("out", windowed(2000, L)))
                .in(numbers().disorder(1200).late(6000)).out("out", window, int64).store("sums"),
            dsl("tumbling-aggregate", b -> in(b).windowedBy(TUMBLING_GRACE).aggregate(() -> "", (k, v, a) -> a + "," + v, win("traces", S)).toStream().to("out", windowed(2000, S)))
                .in(late()).out("out", window, string).store("traces"),
            dsl("tumbling-aggregate-to-null", b -> inL(b).windowedBy(TUMBLING_GRACE).aggregate(() -> 1L, (k, v, a) -> v == null || v < 3 ? null : a + v, win("sums", L)).toStream().to("out", windowed(2000, L)))
                .in(numbers().disorder(1200).late(6000)).out("out", window, int64).store("sums"),
            dsl("tumbling-auto-names", b -> in(b).windowedBy(TUMBLING).count().toStream().to("out", windowed(2000, L))).in(one()).out("out", window, int64),
            dsl("tumbling-retention", b -> in(b).windowedBy(TUMBLING_GRACE).count(win("counts", L).withRetention(ms(60_000))).toStream().to("out", windowed(2000, L)))
                .in(late()).out("out", window, int64).store("counts"),
            dsl("tumbling-rekeyed-total", b -> in(b).windowedBy(TUMBLING_GRACE).count(win("counts", L)).toStream((w, v) -> w.key() + "@" + w.window().start()).to("out", OUT_L))
                .in(late()).out("out", string, int64),
            dsl("tumbling-table-group", b -> in(b).windowedBy(TUMBLING_GRACE).count(win("counts", L)).groupBy((w, v) -> KeyValue.pair("t" + w.window().start(), v), BY_L)
                .reduce(Long::sum, (a, v) -> a - v, kv("totals", L)).toStream().to("out", OUT_L)).in(late()).out("out", string, int64).store("totals"),
            dsl("tumbling-final", b -> in(b).windowedBy(TUMBLING_GRACE).emitStrategy(EmitStrategy.onWindowClose()).count(win("counts", L)).toStream().to("out", windowed(2000, L)))
                .in(late().flush(9000)).out("out", window, int64).store("counts"),
            dsl("tumbling-final-no-grace", b -> in(b).windowedBy(TUMBLING).emitStrategy(EmitStrategy.onWindowClose()).aggregate(() -> "", (k, v, a) -> a + v, win("traces", S)).toStream().to("out", windowed(2000, S)))
                .in(one().disorder(900).flush(9000).headers(0.3)).out("out", window, string),
            dsl("hopping-count", b -> in(b).windowedBy(HOPPING).count(win("counts", L)).toStream().to("out", windowed(3000, L)))
                .in(late()).out("out", window, int64).store("counts"),
            dsl("hopping-count-uncached", b -> in(b).windowedBy(HOPPING).count(win("counts", L).withCachingDisabled()).toStream().to("out", windowed(3000, L)))
                .in(late()).out("out", window, int64).store("counts"),
            dsl("hopping-reduce", b -> inL(b).windowedBy(HOPPING).reduce(Dsl::max, win("greatest", L)).toStream().to("out", windowed(3000, L)))
                .in(numbers().disorder(1200).late(6000)).out("out", window, int64).store("greatest"),
            dsl("hopping-aggregate", b -> in(b).windowedBy(GAPPED).aggregate(() -> "", (k, v, a) -> a + "," + v, win("traces", S)).toStream().to("out", windowed(1000, S)))
                .in(late()).out("out", window, string).store("traces"),
            dsl("hopping-count-at-zero", b -> in(b).windowedBy(HOPPING).count(win("counts", L)).toStream().to("out", windowed(3000, L)))
                .in(one().start(0).step(200)).out("out", window, int64).store("counts"),
            dsl("hopping-final", b -> in(b).windowedBy(HOPPING).emitStrategy(EmitStrategy.onWindowClose()).count(win("counts", L)).toStream().to("out", windowed(3000, L)))
                .in(late().flush(9000)).out("out", window, int64),
            dsl("sliding-count", b -> in(b).windowedBy(SLIDING).count(win("counts", L)).toStream().to("out", windowed(1000, L)))
                .in(one()).out("out", window, int64).store("counts"),
            dsl("sliding-count-grace", b -> in(b).windowedBy(SLIDING_GRACE).count(win("counts", L)).toStream().to("out", windowed(1000, L)))
                .in(late()).out("out", window, int64).store("counts"),
            dsl("sliding-count-uncached", b -> in(b).windowedBy(SLIDING_GRACE).count(win("counts", L).withCachingDisabled()).toStream().to("out", windowed(1000, L)))
                .in(late()).out("out", window, int64).store("counts"),
            dsl("sliding-reduce", b -> inL(b).windowedBy(SLIDING_GRACE).reduce(Dsl::sum, win("sums", L)).toStream().to("out", windowed(1000, L)))
                .in(numbers().disorder(1200).late(5000)).out("out", window, int64).store("sums"),
            dsl("sliding-aggregate", b -> in(b).windowedBy(SLIDING_GRACE).aggregate(() -> "", (k, v, a) -> a + "," + v, win("traces", S)).toStream().to("out", windowed(1000, S)))
                .in(late()).out("out", window, string).store("traces"),
            dsl("sliding-at-zero", b -> in(b).windowedBy(SLIDING_GRACE).aggregate(() -> "", (k, v, a) -> a + "," + v, win("traces", S)).toStream().to("out", windowed(1000, S)))
                .in(one().start(0).step(150).disorder(500)).out("out", window, string).store("traces"),
            // A jump beyond the store's retention would lose final results here.
            dsl("sliding-final", b -> in(b).windowedBy(SLIDING_GRACE).emitStrategy(EmitStrategy.onWindowClose()).count(win("counts", L)).toStream().to("out", windowed(1000, L)))
                .in(late().flush(1400)).out("out", window, int64),
            dsl("session-count", b -> in(b).windowedBy(SESSION).count(ses("counts", L)).toStream().to("out", sessions(L)))
                .in(one()).out("out", session, int64).store("counts"),
            dsl("session-count-grace", b -> in(b).windowedBy(SESSION_GRACE).count(kept("counts", L)).toStream().to("out", sessions(L)))
                .in(late()).out("out", session, int64).store("counts"),
            dsl("session-count-uncached", b -> in(b).windowedBy(SESSION_GRACE).count(kept("counts", L).withCachingDisabled()).toStream().to("out", sessions(L)))
                .in(late()).out("out", session, int64).store("counts"),
            dsl("session-reduce", b -> inL(b).windowedBy(SESSION_GRACE).reduce(Dsl::sum, kept("sums", L)).toStream().to("out", sessions(L)))
                .in(numbers().disorder(1500).late(7000)).out("out", session, int64).store("sums"),
            dsl("session-aggregate", b -> in(b).windowedBy(SESSION_GRACE).aggregate(() -> "", (k, v, a) -> a + "," + v, (k, x, y) -> x + "&" + y, Named.as("tracing"), kept("traces", S)).toStream().to("out", sessions(S)))
                .in(late()).out("out", session, string).store("traces"),
            dsl("session-final", b -> in(b).windowedBy(SESSION_GRACE).emitStrategy(EmitStrategy.onWindowClose()).count(kept("counts", L)).toStream().to("out", sessions(L)))
                .in(late().flush(12_000)).out("out", session, int64),
            dsl("window-rekeyed-source", b -> b.stream("in", SS).groupBy((k, v) -> v == null ? null : "n" + number(v) % 3, BY).windowedBy(TUMBLING_GRACE).count(win("counts", L)).toStream().to("out", windowed(2000, L)))
                .in(late()).out("out", window, int64).store("counts")
        );
    }

    private static KGroupedStream<String, String> in(final StreamsBuilder builder) {
        return builder.stream("in", SS).groupByKey(BY);
    }

    private static KGroupedStream<String, Long> inL(final StreamsBuilder builder) {
        return builder.stream("in", SL).groupByKey(BY_L);
    }

    /** Disorder beyond most grace periods, and some records far too late. */
    static Inputs late() {
        return one().disorder(1200).late(7000).step(500).count(120);
    }
}
