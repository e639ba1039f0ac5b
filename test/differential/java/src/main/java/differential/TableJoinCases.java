package differential;

import static differential.Case.Kind.int64;
import static differential.Case.Kind.string;
import static differential.Case.dsl;
import static differential.Dsl.*;
import static differential.Inputs.Values.REFERENCE;
import static differential.Inputs.Values.SEQUENCE;

import java.util.List;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.GlobalKTable;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Named;
import org.apache.kafka.streams.kstream.TableJoined;
import org.apache.kafka.streams.state.Stores;

/** Joins with a table on at least one side. */
final class TableJoinCases {
    static List<Case> all() {
        return List.of(
            dsl("stream-table-inner", b -> b.stream("left", SS).join(b.table("right", SS), Dsl::pair, Joined.with(S, S, S)).to("out", OUT))
                .in(sides()).out("out", string, string),
            dsl("stream-table-left", b -> b.stream("left", SS).leftJoin(b.table("right", SS, kv("rows", S)), (k, l, r) -> k + ":" + pair(l, r), Joined.with(S, S, S, "enrich")).to("out", OUT))
                .in(sides()).out("out", string, string).store("rows"),
            dsl("stream-table-rekeyed", b -> b.stream("left", SS).filter((k, v) -> v != null).selectKey((k, v) -> "abcd".substring((int) (number(v) % 4), (int) (number(v) % 4) + 1))
                .join(b.table("right", SS), Dsl::pair, Joined.with(S, S, S)).to("out", OUT)).in(sides()).out("out", string, string),
            dsl("stream-table-rekeyed-named", b -> b.stream("left", SS).filter((k, v) -> v != null).selectKey((k, v) -> "abcd".substring((int) (number(v) % 4), (int) (number(v) % 4) + 1))
                .leftJoin(b.table("right", SS), Dsl::pair, Joined.with(S, S, S, "enrich")).to("out", OUT))
                .in(sides()).out("differential-enrich-repartition", string, string).out("out", string, string),
            dsl("stream-table-filtered", b -> b.stream("left", SS).join(b.table("right", SS).filter((k, v) -> even(v)).mapValues(v -> v + "m"), Dsl::pair, Joined.with(S, S, S)).to("out", OUT))
                .in(sides()).out("out", string, string),
            dsl("stream-aggregate-join", b -> b.stream("left", SS).join(b.stream("right", SS).groupByKey(BY).count(), Dsl::pair, Joined.with(S, S, L)).to("out", OUT))
                .in(sides()).out("out", string, string),
            dsl("stream-table-versioned", b -> b.stream("left", SS).join(b.table("right", SS, Materialized.<String, String>as(Stores.persistentVersionedKeyValueStore("history", ms(5000))).withKeySerde(S).withValueSerde(S)),
                Dsl::pair, Joined.with(S, S, S)).to("out", OUT)).in(sides().disorder(3000).late(9000)).out("out", string, string).store("history"),
            dsl("stream-table-versioned-grace", b -> b.stream("left", SS).join(b.table("right", SS, Materialized.<String, String>as(Stores.persistentVersionedKeyValueStore("history", ms(8000))).withKeySerde(S).withValueSerde(S)),
                Dsl::pair, Joined.with(S, S, S, "buffered", ms(1500))).to("out", OUT)).in(sides().nullKeys(0).disorder(1000).late(6000)).out("out", string, string).store("history"),
            dsl("stream-table-versioned-grace-left", b -> b.stream("left", SS).leftJoin(b.table("right", SS, Materialized.<String, String>as(Stores.persistentVersionedKeyValueStore("history", ms(8000))).withKeySerde(S).withValueSerde(S)),
                Dsl::pair, Joined.with(S, S, S, "buffered", ms(1500))).to("out", OUT)).in(sides().nullKeys(0).disorder(1000).late(6000).headers(0.4)).out("out", string, string),
            dsl("table-table-inner", b -> b.table("left", SS).join(b.table("right", SS), Dsl::pair).toStream().to("out", OUT)).in(sides()).out("out", string, string),
            dsl("table-table-left", b -> b.table("left", SS).leftJoin(b.table("right", SS), Dsl::pair).toStream().to("out", OUT)).in(sides()).out("out", string, string),
            dsl("table-table-outer", b -> b.table("left", SS).outerJoin(b.table("right", SS), Dsl::pair).toStream().to("out", OUT)).in(sides()).out("out", string, string),
            dsl("table-table-inner-disorder", b -> b.table("left", SS, kv("lefts", S)).join(b.table("right", SS, kv("rights", S)), Dsl::pair, kv("joined", S)).toStream().to("out", OUT))
                .in(sides().disorder(3000)).out("out", string, string).store("lefts", "rights", "joined"),
            dsl("table-table-outer-materialized", b -> b.table("left", SS).outerJoin(b.table("right", SS), Dsl::pair, Named.as("both"), kv("joined", S)).toStream().to("out", OUT))
                .in(sides().tombstones(0.3)).out("out", string, string).store("joined"),
            dsl("table-table-left-uncached", b -> b.table("left", SS, kv("lefts", S).withCachingDisabled()).leftJoin(b.table("right", SS, kv("rights", S).withCachingDisabled()), Dsl::pair, kv("joined", S).withCachingDisabled()).toStream().to("out", OUT))
                .in(sides().tombstones(0.3)).out("out", string, string).store("joined"),
            dsl("table-table-chained", b -> b.table("left", SS).join(b.table("right", SS), Dsl::pair).leftJoin(b.table("third", SS), Dsl::pair).toStream().to("out", OUT))
                .in(sides().topic("third", SEQUENCE).count(130)).out("out", string, string),
            dsl("table-table-outer-chained", b -> b.table("left", SS).outerJoin(b.table("right", SS), Dsl::pair).outerJoin(b.table("third", SS), Dsl::pair, kv("joined", S)).toStream().to("out", OUT))
                .in(sides().topic("third", SEQUENCE).count(130)).out("out", string, string).store("joined"),
            dsl("table-table-filtered", b -> b.table("left", SS).filter((k, v) -> even(v)).leftJoin(b.table("right", SS).mapValues(v -> number(v)), Dsl::pair).toStream().to("out", OUT))
                .in(sides()).out("out", string, string),
            dsl("table-table-then-group", b -> b.table("left", SS).join(b.table("right", SS), (l, r) -> number(l) + number(r))
                .groupBy((k, v) -> KeyValue.pair("g" + k.charAt(0) % 2, v), BY_L).reduce(Long::sum, (a, v) -> a - v, kv("sums", L)).toStream().to("out", OUT_L))
                .in(sides()).out("out", string, int64).store("sums"),
            dsl("table-self-join", b -> {
                final KTable<String, String> rows = b.table("left", SS);
                rows.join(rows.mapValues(v -> v + "m"), Dsl::pair).toStream().to("out", OUT);
            }).in(new Inputs().topic("left", SEQUENCE)).out("out", string, string),
            dsl("foreign-key-inner", b -> b.<String, String>table("left", SS).join(b.<String, String>table("right", SS), Dsl::reference, Dsl::pair).toStream().to("out", OUT))
                .in(rows()).out("out", string, string),
            dsl("foreign-key-left", b -> b.<String, String>table("left", SS).leftJoin(b.<String, String>table("right", SS), Dsl::reference, Dsl::pair).toStream().to("out", OUT))
                .in(rows()).out("out", string, string),
            dsl("foreign-key-inner-materialized", b -> b.<String, String>table("left", SS).join(b.<String, String>table("right", SS), Dsl::reference, Dsl::pair, TableJoined.as("by-row"), kv("joined", S)).toStream().to("out", OUT))
                .in(rows().disorder(2500)).out("out", string, string).store("joined"),
            dsl("foreign-key-left-materialized", b -> b.<String, String>table("left", SS, kv("lefts", S)).leftJoin(b.<String, String>table("right", SS, kv("rights", S)), (k, v) -> k.equals("d") ? null : reference(v), Dsl::pair, kv("joined", S)).toStream().to("out", OUT))
                .in(rows().tombstones(0.25)).out("out", string, string).store("lefts", "rights", "joined"),
            dsl("stream-global-inner", b -> {
                final GlobalKTable<String, String> rows = b.globalTable("right", SS);
                b.stream("left", SS).join(rows, (k, v) -> v == null ? null : reference(v), Dsl::pair).to("out", OUT);
            }).in(rows()).out("out", string, string),
            dsl("stream-global-left", b -> {
                final GlobalKTable<String, String> rows = b.globalTable("right", SS, kv("rows", S));
                b.stream("left", SS).leftJoin(rows, (k, v) -> v == null ? null : reference(v), (l, r) -> pair(l, r), Named.as("lookup")).to("out", OUT);
            }).in(rows()).out("out", string, string).store("rows"),
            dsl("stream-global-with-key", b -> {
                final GlobalKTable<String, String> rows = b.globalTable("right", SS);
                b.stream("left", SS).leftJoin(rows, (k, v) -> k, (k, l, r) -> k + ":" + pair(l, r)).to("out", OUT);
            }).in(sides()).out("out", string, string)
        );
    }

    private static Inputs sides() {
        return new Inputs().topic("left", SEQUENCE).topic("right", SEQUENCE).count(120);
    }

    private static Inputs rows() {
        return new Inputs().topic("left", REFERENCE).topic("right", SEQUENCE, "r1", "r2", "r3", "r4").count(120);
    }
}
