package differential;

import static differential.Case.Kind.int64;
import static differential.Case.Kind.string;
import static differential.Case.optimized;
import static differential.Dsl.*;
import static differential.Inputs.Values.SEQUENCE;

import java.util.List;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.StreamJoined;

/** Topologies that topology.optimization=all changes. */
final class OptimizedCases {
    private static final StreamJoined<String, String, String> WITH = StreamJoined.with(S, S, S);

    static List<Case> all() {
        return List.of(
            optimized("optimized-self-join", b -> {
                final KStream<String, String> in = b.stream("in", SS);
                in.join(in, Dsl::pair, JoinWindows.ofTimeDifferenceAndGrace(ms(600), ms(1000)), WITH).to("out", OUT);
            }).in(one().disorder(900)).out("out", string, string),
            optimized("optimized-self-join-named", b -> {
                final KStream<String, String> in = b.stream("in", SS);
                in.join(in, Dsl::pair, JoinWindows.ofTimeDifferenceAndGrace(ms(0), ms(500)).before(ms(1500)).after(ms(300)), WITH.withName("meet").withStoreName("meeting")).to("out", OUT);
            }).in(one().disorder(700).headers(0.5)).out("out", string, string),
            optimized("optimized-self-join-rekeyed", b -> {
                final KStream<String, String> in = rekeyed(b);
                in.join(in, Dsl::pair, JoinWindows.ofTimeDifferenceWithNoGrace(ms(500)), WITH).to("out", OUT);
            }).in(one()).out("out", string, string),
            optimized("optimized-two-aggregates", b -> {
                final KStream<String, String> in = rekeyed(b);
                in.groupByKey(BY).count(kv("counts", L)).toStream().to("counts-out", OUT_L);
                in.filter((k, v) -> even(v)).groupByKey(BY).reduce((a, v) -> a + "|" + v, kv("joined", S)).toStream().to("out", OUT);
            }).in(one()).out("differential-counts-repartition", string, string).out("counts-out", string, int64).out("out", string, string).store("counts", "joined"),
            optimized("optimized-generated-names", b -> {
                final KStream<String, String> in = rekeyed(b);
                in.filter((k, v) -> even(v)).groupByKey(BY).count().toStream().to("counts-out", OUT_L);
                in.peek((k, v) -> { }).groupByKey(BY).reduce((a, v) -> v).toStream().to("out", OUT);
                in.toTable(kv("rows", S));
            }).in(one()).out("counts-out", string, int64).out("out", string, string).store("rows"),
            optimized("optimized-aggregate-and-joins", b -> {
                final KStream<String, String> in = rekeyed(b);
                in.groupByKey(Grouped.<String, String>as("by-row").withKeySerde(S).withValueSerde(S)).count(kv("counts", L)).toStream().to("counts-out", OUT_L);
                in.leftJoin(b.stream("other", SS), Dsl::pair, JoinWindows.ofTimeDifferenceWithNoGrace(ms(700)), WITH).to("out", OUT);
            }).in(one().topic("other", SEQUENCE).keys("n0", "n1", "n2").flush(5000)).out("counts-out", string, int64).out("out", string, string).store("counts"),
            optimized("optimized-below-a-merge", b -> {
                final KStream<String, String> merged = rekeyed(b).merge(b.stream("other", SS).filter((k, v) -> v != null).selectKey((k, v) -> "n" + number(v) % 2));
                merged.groupByKey(BY).count(kv("counts", L)).toStream().to("counts-out", OUT_L);
                merged.filter((k, v) -> even(v)).groupByKey(BY).reduce((a, v) -> v, kv("latest", S)).toStream().to("out", OUT);
            }).in(one().topic("other", SEQUENCE)).out("counts-out", string, int64).out("out", string, string).store("counts", "latest"),
            optimized("optimized-behind-changed-values", b -> {
                final KStream<String, String> in = rekeyed(b);
                in.mapValues(v -> v + "!").groupByKey(BY).reduce((a, v) -> a + v, kv("joined", S)).toStream().to("out", OUT);
                in.groupByKey(BY).count(kv("counts", L)).toStream().to("counts-out", OUT_L);
            }).in(one().count(60)).out("counts-out", string, int64).out("out", string, string).store("counts", "joined")
        );
    }

    private static KStream<String, String> rekeyed(final StreamsBuilder b) {
        return b.stream("in", SS).filter((k, v) -> v != null).selectKey((k, v) -> "n" + number(v) % 3);
    }

    private static Inputs one() {
        return new Inputs().topic("in", SEQUENCE).keys("a", "b", "c").step(300).count(100);
    }
}
