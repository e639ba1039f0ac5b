package differential;

import static differential.Case.Kind.int64;
import static differential.Case.Kind.session;
import static differential.Case.Kind.string;
import static differential.Case.Kind.window;
import static differential.Case.dsl;
import static differential.Dsl.*;
import static differential.StatelessCases.one;
import static differential.WindowCases.late;

import java.util.List;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.Suppressed.BufferConfig;
import org.apache.kafka.streams.kstream.TimeWindows;

/** suppress: final results only, and at most one result per time. */
final class SuppressCases {
    static List<Case> all() {
        return List.of(
            dsl("suppress-window-tumbling", b -> b.stream("in", SS).groupByKey(BY).windowedBy(TimeWindows.ofSizeAndGrace(ms(2000), ms(1000))).count(win("counts", L))
                .suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded())).toStream().to("out", windowed(2000, L))).in(late().flush(9000)).out("out", window, int64),
            dsl("suppress-window-named", b -> b.stream("in", SS).groupByKey(BY).windowedBy(TimeWindows.ofSizeAndGrace(ms(2000), ms(1000))).aggregate(() -> "", (k, v, a) -> a + v, win("traces", S))
                .suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded()).withName("final")).toStream().to("out", windowed(2000, S))).in(late().flush(9000).headers(0.4)).out("out", window, string),
            dsl("suppress-window-hopping", b -> b.stream("in", SS).groupByKey(BY).windowedBy(TimeWindows.ofSizeAndGrace(ms(3000), ms(500)).advanceBy(ms(1000))).count(win("counts", L))
                .suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded())).toStream().to("out", windowed(3000, L))).in(late().flush(9000)).out("out", window, int64),
            dsl("suppress-window-sliding", b -> b.stream("in", SS).groupByKey(BY).windowedBy(SlidingWindows.ofTimeDifferenceAndGrace(ms(1000), ms(500))).count(win("counts", L))
                .suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded())).toStream().to("out", windowed(1000, L))).in(late().flush(9000)).out("out", window, int64),
            dsl("suppress-window-session", b -> b.stream("in", SS).groupByKey(BY).windowedBy(SessionWindows.ofInactivityGapAndGrace(ms(900), ms(2000))).count(kept("counts", L))
                .suppress(Suppressed.untilWindowCloses(BufferConfig.unbounded())).toStream().to("out", sessions(L))).in(late().flush(12_000)).out("out", session, int64),
            dsl("suppress-time-limit", b -> b.table("in", SS).suppress(Suppressed.untilTimeLimit(ms(2000), BufferConfig.unbounded())).toStream().to("out", OUT))
                .in(one().disorder(500).flush(6000)).out("out", string, string),
            dsl("suppress-time-limit-count", b -> b.stream("in", SS).groupByKey(BY).count(kv("counts", L)).suppress(Suppressed.untilTimeLimit(ms(1500), BufferConfig.unbounded())).toStream().to("out", OUT_L))
                .in(one().disorder(500).flush(6000)).out("out", string, int64).store("counts"),
            dsl("suppress-time-limit-windowed", b -> b.stream("in", SS).groupByKey(BY).windowedBy(TimeWindows.ofSizeAndGrace(ms(2000), ms(1000))).count(win("counts", L))
                .suppress(Suppressed.untilTimeLimit(ms(700), BufferConfig.unbounded())).toStream().to("out", windowed(2000, L))).in(late().flush(9000)).out("out", window, int64),
            dsl("suppress-max-records", b -> b.table("in", SS, kv("rows", S)).suppress(Suppressed.untilTimeLimit(ms(60_000), BufferConfig.maxRecords(3).emitEarlyWhenFull())).toStream().to("out", OUT))
                .in(one().keys("a", "b", "c", "d", "e").disorder(2000)).out("out", string, string),
            dsl("suppress-zero-limit", b -> b.table("in", SS).suppress(Suppressed.untilTimeLimit(ms(0), BufferConfig.unbounded())).toStream().to("out", OUT))
                .in(one().disorder(1000)).out("out", string, string),
            dsl("suppress-then-map", b -> b.stream("in", SS).groupByKey(BY).count(kv("counts", L)).suppress(Suppressed.untilTimeLimit(ms(1500), BufferConfig.unbounded()))
                .filter((k, v) -> v % 2 == 0).mapValues(v -> v * 10).toStream().to("out", OUT_L)).in(one().flush(6000)).out("out", string, int64)
        );
    }
}
