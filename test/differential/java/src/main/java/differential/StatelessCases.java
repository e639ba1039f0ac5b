package differential;

import static differential.Case.Kind.int64;
import static differential.Case.Kind.string;
import static differential.Case.dsl;
import static differential.Dsl.*;
import static differential.Inputs.Values.REFERENCE;
import static differential.Inputs.Values.SEQUENCE;
import static differential.Inputs.Values.SMALL;

import java.nio.charset.StandardCharsets;
import java.util.List;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.Branched;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;

/** Stateless operators of KStream, alone and in chains. */
final class StatelessCases {
    static List<Case> all() {
        return List.of(
            dsl("filter", b -> b.stream("in", SS).filter((k, v) -> v != null && even(v)).to("out", OUT)).in(one()).out("out", string, string),
            dsl("filter-not", b -> b.stream("in", SS).filterNot((k, v) -> k != null && k.equals("a")).to("out", OUT)).in(one()).out("out", string, string),
            dsl("map", b -> b.stream("in", SS).map((k, v) -> KeyValue.pair(v, number(v))).to("out", OUT_L)).in(one()).out("out", string, int64),
            dsl("map-values", b -> b.stream("in", SS).mapValues(v -> v == null ? null : v + "!").to("out", OUT)).in(one()).out("out", string, string),
            dsl("map-values-with-key", b -> b.stream("in", SS).mapValues((k, v) -> k + "/" + v).to("out", OUT)).in(one()).out("out", string, string),
            dsl("flat-map", b -> b.stream("in", SS)
                .flatMap((k, v) -> number(v) % 3 == 0 ? List.<KeyValue<String, Long>>of() : List.of(KeyValue.pair(k, number(v)), KeyValue.pair("x" + k, -number(v))))
                .to("out", OUT_L)).in(one()).out("out", string, int64),
            dsl("flat-map-values", b -> b.stream("in", SS)
                .flatMapValues(v -> v == null ? List.<String>of() : List.of(v, v + v)).to("out", OUT)).in(one()).out("out", string, string),
            dsl("select-key", b -> b.stream("in", SS).selectKey((k, v) -> v == null ? null : "n" + number(v) % 3).to("out", OUT)).in(one()).out("out", string, string),
            dsl("peek", b -> b.stream("in", SS).peek((k, v) -> { }).to("out", OUT)).in(one()).out("out", string, string),
            dsl("foreach", b -> {
                final KStream<String, String> in = b.stream("in", SS);
                in.foreach((k, v) -> { });
                in.to("out", OUT);
            }).in(one()).out("out", string, string),
            dsl("merge", b -> b.stream("left", SS).mapValues(v -> "l" + v).merge(b.stream("right", SS)).to("out", OUT))
                .in(two()).out("out", string, string),
            dsl("merge-self-branches", b -> {
                final KStream<String, String> in = b.stream("in", SS);
                in.filter((k, v) -> even(v)).merge(in.mapValues(v -> v + "?")).to("out", OUT);
            }).in(one()).out("out", string, string),
            dsl("split-default", b -> {
                final var branches = b.stream("in", SS).split(Named.as("by-"))
                    .branch((k, v) -> v != null && even(v), Branched.as("even"))
                    .branch((k, v) -> k != null && k.equals("a"), Branched.as("a"))
                    .defaultBranch(Branched.as("rest"));
                branches.get("by-even").to("even", OUT);
                branches.get("by-a").to("a", OUT);
                branches.get("by-rest").to("rest", OUT);
            }).in(one()).out("even", string, string).out("a", string, string).out("rest", string, string),
            dsl("split-no-default", b -> {
                final var branches = b.stream("in", SS).split()
                    .branch((k, v) -> number(v) % 3 == 0)
                    .branch((k, v) -> number(v) % 3 == 1)
                    .noDefaultBranch();
                int n = 0;
                for (final String name : branches.keySet().stream().sorted().toList()) branches.get(name).mapValues(v -> name.substring(name.length() - 2) + v).to("out" + n++, OUT);
            }).in(one()).out("out0", string, string).out("out1", string, string),
            dsl("repartition", b -> b.stream("in", SS).selectKey((k, v) -> "n" + number(v) % 4).repartition(Repartitioned.with(S, S)).to("out", OUT))
                .in(one()).out("differential-KSTREAM-REPARTITION-0000000002-repartition", string, string).out("out", string, string),
            dsl("repartition-named", b -> b.stream("in", SS)
                .repartition(Repartitioned.<String, String>as("spread").withKeySerde(S).withValueSerde(S).withNumberOfPartitions(1)).to("out", OUT))
                .in(one()).out("differential-spread-repartition", string, string).out("out", string, string),
            dsl("to-table", b -> b.stream("in", SS).toTable().toStream().to("out", OUT)).in(one()).out("out", string, string),
            dsl("to-table-materialized", b -> b.stream("in", SS).toTable(Named.as("latest"), kv("latest-store", S)).toStream().to("out", OUT))
                .in(one().disorder(1500)).out("out", string, string).store("latest-store"),
            dsl("to-table-rekeyed", b -> b.stream("in", SS).selectKey((k, v) -> v == null ? null : "n" + number(v) % 4).toTable(kv("by-number", S)).toStream().to("out", OUT))
                .in(one().disorder(1500)).out("out", string, string).store("by-number"),
            dsl("topic-extractor", b -> b.stream("in", SS)
                .to((k, v, context) -> context.timestamp() % 2 == 0 ? "even-time" : "odd-time", OUT))
                .in(one()).out("even-time", string, string).out("odd-time", string, string),
            dsl("topic-extractor-headers", b -> b.stream("in", SS)
                .to((k, v, context) -> context.headers().lastHeader("origin") == null ? "plain"
                    : new String(context.headers().lastHeader("origin").value(), StandardCharsets.UTF_8), OUT))
                .in(one().headers(0.6)).out("plain", string, string).out("left", string, string).out("right", string, string),
            dsl("headers-pass-through", b -> b.stream("in", SS).map((k, v) -> KeyValue.pair(k, v + "'")).filter((k, v) -> k != null).to("out", OUT))
                .in(one().headers(0.7)).out("out", string, string),
            dsl("many-topics-one-source", b -> b.stream(List.of("left", "right"), SS).to("out", OUT)).in(two()).out("out", string, string),
            dsl("two-sinks", b -> {
                final KStream<String, String> in = b.stream("in", SS);
                in.to("first", OUT);
                in.mapValues(Dsl::number).to("second", OUT_L);
            }).in(one()).out("first", string, string).out("second", string, int64),
            dsl("timestamp-extractor", b -> b.stream("in", Consumed.with(S, S).withTimestampExtractor((record, partitionTime) -> {
                final long n = number((String) record.value());
                return n % 5 == 0 ? -1 : record.timestamp() + n;
            })).to("out", OUT)).in(one().disorder(800)).out("out", string, string),
            dsl("chain-auto-names", b -> b.stream("in", SS).filter((k, v) -> v != null).mapValues(Dsl::number).flatMapValues(v -> List.of(v, v + 1))
                .selectKey((k, v) -> "m" + v % 2).peek((k, v) -> { }).filterNot((k, v) -> v % 7 == 0).to("out", OUT_L)).in(one()).out("out", string, int64),
            dsl("chain-named", b -> b.stream("in", Consumed.with(S, S).withName("events")).filter((k, v) -> v != null, Named.as("present"))
                .mapValues(Dsl::number, Named.as("numbers")).selectKey((k, v) -> "m" + v % 2, Named.as("by-parity"))
                .to("out", Produced.with(S, L).withName("numbers-out"))).in(one()).out("out", string, int64),
            dsl("two-subtopologies", b -> {
                b.stream("left", SS).to("out-left", OUT);
                b.stream("right", SS).mapValues(v -> v + "r").to("out-right", OUT);
            }).in(two()).out("out-left", string, string).out("out-right", string, string),
            dsl("through-own-topic", b -> {
                b.stream("in", SS).mapValues(v -> v + "1").to("middle", OUT);
                b.stream("middle", SS).mapValues(v -> v + "2").to("out", OUT);
            }).in(one()).out("middle", string, string).out("out", string, string)
        );
    }

    static Inputs one() {
        return new Inputs().topic("in", SEQUENCE);
    }

    static Inputs two() {
        return new Inputs().topic("left", SEQUENCE).topic("right", SEQUENCE);
    }

    static Inputs numbers() {
        return new Inputs().topic("in", SMALL);
    }

    static Inputs references() {
        return new Inputs().topic("in", REFERENCE);
    }
}
