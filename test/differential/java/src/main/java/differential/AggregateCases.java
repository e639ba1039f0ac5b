package differential;

import static differential.Case.Kind.int64;
import static differential.Case.Kind.session;
import static differential.Case.Kind.string;
import static differential.Case.Kind.window;
import static differential.Case.dsl;
import static differential.Dsl.*;
import static differential.Inputs.Values.SEQUENCE;
import static differential.Inputs.Values.SMALL;
import static differential.StatelessCases.numbers;
import static differential.StatelessCases.one;
import static differential.StatelessCases.references;

import java.util.List;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.Aggregator;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.TimeWindows;

/** Grouped streams without windows, and cogroup. */
final class AggregateCases {
    private static final Aggregator<String, String, String> TRACE = (k, v, a) -> a + "," + v;
    private static final Aggregator<String, Long, String> TRACE_L = (k, v, a) -> a + "/" + v;

    static List<Case> all() {
        return List.of(
            dsl("count", b -> b.stream("in", SS).groupByKey(BY).count(kv("counts", L)).toStream().to("out", OUT_L))
                .in(one().disorder(1500)).out("out", string, int64).store("counts"),
            dsl("count-auto-name", b -> b.stream("in", SS).groupByKey(BY).count().toStream().to("out", OUT_L)).in(one()).out("out", string, int64),
            dsl("count-uncached", b -> b.stream("in", SS).groupByKey(BY).count(kv("counts", L).withCachingDisabled()).toStream().to("out", OUT_L))
                .in(one().disorder(1500)).out("out", string, int64).store("counts"),
            dsl("count-named-operator", b -> b.stream("in", SS).groupByKey(Grouped.<String, String>as("grouping").withKeySerde(S).withValueSerde(S))
                .count(Named.as("counting"), kv(L)).toStream(Named.as("unfolding")).to("out", OUT_L)).in(one()).out("out", string, int64),
            dsl("reduce", b -> b.stream("in", SL).groupByKey(BY_L).reduce(Long::sum, kv("sums", L)).toStream().to("out", OUT_L))
                .in(numbers().disorder(1500)).out("out", string, int64).store("sums"),
            dsl("reduce-uncached", b -> b.stream("in", SL).groupByKey(BY_L).reduce(Math::max, kv("greatest", L).withCachingDisabled()).toStream().to("out", OUT_L))
                .in(numbers()).out("out", string, int64).store("greatest"),
            dsl("reduce-to-null", b -> b.stream("in", SL).groupByKey(BY_L).reduce((a, v) -> v == 0 ? null : a + v, kv("sums", L)).toStream().to("out", OUT_L))
                .in(numbers()).out("out", string, int64).store("sums"),
            dsl("aggregate", b -> b.stream("in", SS).groupByKey(BY).aggregate(() -> "", TRACE, kv("traces", S)).toStream().to("out", OUT))
                .in(one().count(60)).out("out", string, string).store("traces"),
            dsl("aggregate-to-null", b -> b.stream("in", SL).groupByKey(BY_L).aggregate(() -> 100L, (k, v, a) -> v == 3 ? null : a + v, kv("sums", L)).toStream().to("out", OUT_L))
                .in(numbers()).out("out", string, int64).store("sums"),
            dsl("group-by-count", b -> b.stream("in", SS).groupBy((k, v) -> v == null ? null : "n" + number(v) % 5, BY).count(kv("counts", L)).toStream().to("out", OUT_L))
                .in(one()).out("differential-counts-repartition", string, string).out("out", string, int64).store("counts"),
            dsl("group-by-named-repartition", b -> b.stream("in", SS).groupBy((k, v) -> reference(v), Grouped.<String, String>as("by-row").withKeySerde(S).withValueSerde(S))
                .reduce((a, v) -> a + "|" + v, kv("joined", S)).toStream().to("out", OUT))
                .in(references().count(60).tombstones(0)).out("differential-by-row-repartition", string, string).out("out", string, string).store("joined"),
            dsl("map-then-group-by-key", b -> b.stream("in", SS).filter((k, v) -> v != null).map((k, v) -> KeyValue.pair("n" + number(v) % 3, number(v))).groupByKey(BY_L)
                .reduce(Long::sum).toStream().to("out", OUT_L)).in(one()).out("out", string, int64),
            dsl("rekey-two-aggregates", b -> {
                final KGroupedStream<String, String> grouped = b.stream("in", SS).filter((k, v) -> v != null).selectKey((k, v) -> "n" + number(v) % 3).groupByKey(Grouped.<String, String>as("shared").withKeySerde(S).withValueSerde(S));
                grouped.count(kv("counts", L)).toStream().to("counts-out", OUT_L);
                grouped.reduce((a, v) -> v, kv("latest", S)).toStream().to("latest-out", OUT);
            }).in(one()).out("counts-out", string, int64).out("latest-out", string, string).store("counts", "latest"),
            dsl("count-to-stream-filter-table", b -> b.stream("in", SS).groupByKey(BY).count(kv("counts", L)).filter((k, v) -> v % 2 == 0).toStream().to("out", OUT_L))
                .in(one()).out("out", string, int64).store("counts"),
            dsl("count-headers", b -> b.stream("in", SS).groupByKey(BY).count(kv("counts", L)).toStream().to("out", OUT_L))
                .in(one().headers(0.7)).out("out", string, int64),
            dsl("cogroup-one", b -> b.stream("in", SS).groupByKey(BY).cogroup(TRACE).aggregate(() -> "", kv("traces", S)).toStream().to("out", OUT))
                .in(one().count(60)).out("out", string, string).store("traces"),
            dsl("cogroup-two", b -> b.stream("left", SS).groupByKey(BY).cogroup(TRACE).cogroup(b.stream("right", SL).groupByKey(BY_L), TRACE_L)
                .aggregate(() -> "^", kv("traces", S)).toStream().to("out", OUT)).in(mixed().count(60)).out("out", string, string).store("traces"),
            dsl("cogroup-three-rekeyed", b -> b.stream("left", SS).groupByKey(BY).cogroup(TRACE)
                .cogroup(b.stream("right", SL).groupByKey(BY_L), TRACE_L)
                .cogroup(b.stream("third", SS).groupBy((k, v) -> v == null ? null : "a", BY), TRACE)
                .aggregate(() -> "^", Named.as("together"), kv("traces", S)).toStream().to("out", OUT))
                .in(mixed().topic("third", SEQUENCE).count(70)).out("out", string, string).store("traces"),
            dsl("cogroup-tumbling", b -> b.stream("left", SS).groupByKey(BY).cogroup(TRACE).cogroup(b.stream("right", SL).groupByKey(BY_L), TRACE_L)
                .windowedBy(TimeWindows.ofSizeAndGrace(ms(2000), ms(1000))).aggregate(() -> "^", win("traces", S)).toStream().to("out", windowed(2000, S)))
                .in(mixed().disorder(1000).late(6000)).out("out", window, string).store("traces"),
            dsl("cogroup-sliding", b -> b.stream("left", SS).groupByKey(BY).cogroup(TRACE).cogroup(b.stream("right", SL).groupByKey(BY_L), TRACE_L)
                .windowedBy(SlidingWindows.ofTimeDifferenceAndGrace(ms(1000), ms(500))).aggregate(() -> "^", win("traces", S)).toStream().to("out", windowed(1000, S)))
                .in(mixed().disorder(800).late(3000)).out("out", window, string).store("traces"),
            dsl("cogroup-session", b -> b.stream("left", SS).groupByKey(BY).cogroup(TRACE).cogroup(b.stream("right", SL).groupByKey(BY_L), TRACE_L)
                .windowedBy(SessionWindows.ofInactivityGapAndGrace(ms(1200), ms(500))).aggregate(() -> "^", (k, x, y) -> x + y, kept("traces", S)).toStream().to("out", sessions(S)))
                .in(mixed().disorder(800).late(4000)).out("out", session, string).store("traces")
        );
    }

    private static Inputs mixed() {
        return new Inputs().topic("left", SEQUENCE).topic("right", SMALL);
    }
}
