package differential;

import static differential.Case.Kind.string;
import static differential.Case.dsl;
import static differential.Dsl.*;
import static differential.Inputs.Values.SEQUENCE;

import java.util.List;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.StreamJoined;

/** Windowed stream-stream joins. */
final class StreamJoinCases {
    private static final StreamJoined<String, String, String> WITH = StreamJoined.with(S, S, S);

    static List<Case> all() {
        return List.of(
            dsl("stream-stream-inner", b -> b.stream("left", SS).join(b.stream("right", SS), Dsl::pair, JoinWindows.ofTimeDifferenceWithNoGrace(ms(800)), WITH).to("out", OUT))
                .in(sides()).out("out", string, string),
            dsl("stream-stream-left", b -> b.stream("left", SS).leftJoin(b.stream("right", SS), Dsl::pair, JoinWindows.ofTimeDifferenceWithNoGrace(ms(800)), WITH).to("out", OUT))
                .in(sides().flush(5000)).out("out", string, string),
            dsl("stream-stream-outer", b -> b.stream("left", SS).outerJoin(b.stream("right", SS), Dsl::pair, JoinWindows.ofTimeDifferenceWithNoGrace(ms(800)), WITH).to("out", OUT))
                .in(sides().flush(5000)).out("out", string, string),
            dsl("stream-stream-inner-grace", b -> b.stream("left", SS).join(b.stream("right", SS), (k, l, r) -> k + ":" + pair(l, r), JoinWindows.ofTimeDifferenceAndGrace(ms(600), ms(1000)), WITH).to("out", OUT))
                .in(sides().disorder(1200).late(8000).flush(6000)).out("out", string, string),
            dsl("stream-stream-left-grace", b -> b.stream("left", SS).leftJoin(b.stream("right", SS), Dsl::pair, JoinWindows.ofTimeDifferenceAndGrace(ms(600), ms(1000)), WITH).to("out", OUT))
                .in(sides().disorder(1200).late(8000).flush(6000)).out("out", string, string),
            dsl("stream-stream-outer-grace", b -> b.stream("left", SS).outerJoin(b.stream("right", SS), Dsl::pair, JoinWindows.ofTimeDifferenceAndGrace(ms(600), ms(1000)), WITH).to("out", OUT))
                .in(sides().disorder(1200).late(8000).flush(6000)).out("out", string, string),
            dsl("stream-stream-asymmetric", b -> b.stream("left", SS).join(b.stream("right", SS), Dsl::pair, JoinWindows.ofTimeDifferenceAndGrace(ms(0), ms(500)).before(ms(1500)).after(ms(300)), WITH).to("out", OUT))
                .in(sides().disorder(700)).out("out", string, string),
            dsl("stream-stream-left-asymmetric", b -> b.stream("left", SS).leftJoin(b.stream("right", SS), Dsl::pair, JoinWindows.ofTimeDifferenceAndGrace(ms(0), ms(500)).before(ms(1200)), WITH).to("out", OUT))
                .in(sides().disorder(700).flush(6000)).out("out", string, string),
            dsl("stream-stream-outer-asymmetric", b -> b.stream("left", SS).outerJoin(b.stream("right", SS), Dsl::pair, JoinWindows.ofTimeDifferenceAndGrace(ms(0), ms(500)).after(ms(1200)), WITH).to("out", OUT))
                .in(sides().disorder(700).flush(6000)).out("out", string, string),
            dsl("stream-stream-named", b -> b.stream("left", SS).join(b.stream("right", SS), Dsl::pair, JoinWindows.ofTimeDifferenceWithNoGrace(ms(500)), WITH.withName("meet").withStoreName("meeting")).to("out", OUT))
                .in(sides().headers(0.5)).out("out", string, string),
            dsl("stream-stream-outer-named", b -> b.stream("left", SS).outerJoin(b.stream("right", SS), Dsl::pair, JoinWindows.ofTimeDifferenceWithNoGrace(ms(500)), WITH.withName("meet").withStoreName("meeting")).to("out", OUT))
                .in(sides().headers(0.5).flush(5000)).out("out", string, string),
            dsl("stream-stream-rekeyed", b -> b.stream("left", SS).filter((k, v) -> v != null).selectKey((k, v) -> "n" + number(v) % 3)
                .join(b.stream("right", SS).filter((k, v) -> v != null).selectKey((k, v) -> "n" + number(v) % 3), Dsl::pair, JoinWindows.ofTimeDifferenceWithNoGrace(ms(700)), WITH).to("out", OUT))
                .in(sides()).out("out", string, string),
            dsl("stream-stream-rekeyed-named", b -> b.stream("left", SS).filter((k, v) -> v != null).selectKey((k, v) -> "n" + number(v) % 3)
                .leftJoin(b.stream("right", SS).filter((k, v) -> v != null).selectKey((k, v) -> "n" + number(v) % 3), Dsl::pair, JoinWindows.ofTimeDifferenceWithNoGrace(ms(700)), WITH.withName("meet")).to("out", OUT))
                .in(sides()).out("out", string, string),
            dsl("stream-stream-self", b -> {
                final KStream<String, String> in = b.stream("left", SS);
                in.join(in, Dsl::pair, JoinWindows.ofTimeDifferenceWithNoGrace(ms(500)), WITH).to("out", OUT);
            }).in(new Inputs().topic("left", SEQUENCE)).out("out", string, string),
            dsl("stream-stream-same-times", b -> b.stream("left", SS).outerJoin(b.stream("right", SS), Dsl::pair, JoinWindows.ofTimeDifferenceWithNoGrace(ms(0)), WITH).to("out", OUT))
                .in(sides().step(3).keys("a", "b").flush(5000)).out("out", string, string),
            dsl("stream-stream-chained", b -> b.stream("left", SS).join(b.stream("right", SS), Dsl::pair, JoinWindows.ofTimeDifferenceWithNoGrace(ms(500)), WITH)
                .leftJoin(b.stream("third", SS), Dsl::pair, JoinWindows.ofTimeDifferenceAndGrace(ms(500), ms(500)), WITH).to("out", OUT))
                .in(sides().topic("third", SEQUENCE).count(150).flush(5000)).out("out", string, string)
        );
    }

    private static Inputs sides() {
        return new Inputs().topic("left", SEQUENCE).topic("right", SEQUENCE).keys("a", "b", "c").step(300).count(130);
    }
}
