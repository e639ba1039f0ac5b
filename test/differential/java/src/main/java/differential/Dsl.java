package differential;

import java.time.Duration;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.WindowedSerdes;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.WindowStore;

/** Short names for the options that the cases repeat. */
final class Dsl {
    // Options are mutable in Java (withName changes the object itself): never call with... on these.
    static final Serde<String> S = Serdes.String();
    static final Serde<Long> L = Serdes.Long();
    static final Consumed<String, String> SS = Consumed.with(S, S);
    static final Consumed<String, Long> SL = Consumed.with(S, L);
    static final Produced<String, String> OUT = Produced.with(S, S);
    static final Produced<String, Long> OUT_L = Produced.with(S, L);
    static final Grouped<String, String> BY = Grouped.with(S, S);
    static final Grouped<String, Long> BY_L = Grouped.with(S, L);

    static <V> Materialized<String, V, KeyValueStore<Bytes, byte[]>> kv(final String name, final Serde<V> value) {
        return Materialized.<String, V, KeyValueStore<Bytes, byte[]>>as(name).withKeySerde(S).withValueSerde(value);
    }

    static <V> Materialized<String, V, KeyValueStore<Bytes, byte[]>> kv(final Serde<V> value) {
        return Materialized.with(S, value);
    }

    static <V> Materialized<String, V, WindowStore<Bytes, byte[]>> win(final String name, final Serde<V> value) {
        return Materialized.<String, V, WindowStore<Bytes, byte[]>>as(name).withKeySerde(S).withValueSerde(value);
    }

    static <V> Materialized<String, V, SessionStore<Bytes, byte[]>> ses(final String name, final Serde<V> value) {
        return Materialized.<String, V, SessionStore<Bytes, byte[]>>as(name).withKeySerde(S).withValueSerde(value);
    }

    /** By default a cached session outlives its retention, an uncached one does not: a longer retention keeps chance out of it. */
    static <V> Materialized<String, V, SessionStore<Bytes, byte[]>> kept(final String name, final Serde<V> value) {
        return ses(name, value).withRetention(ms(20_000));
    }

    static <V> Produced<Windowed<String>, V> windowed(final long sizeMs, final Serde<V> value) {
        return Produced.with(WindowedSerdes.timeWindowedSerdeFrom(String.class, sizeMs), value);
    }

    static <V> Produced<Windowed<String>, V> sessions(final Serde<V> value) {
        return Produced.with(WindowedSerdes.sessionWindowedSerdeFrom(String.class), value);
    }

    static Duration ms(final long ms) {
        return Duration.ofMillis(ms);
    }

    /** The number behind the letter or the colon: "v17", "v17.2" and "r2:17" are 17; null is 0. */
    static long number(final String value) {
        if (value == null) return 0;
        long number = 0;
        for (int at = value.indexOf(':') < 0 ? 1 : value.indexOf(':') + 1; at < value.length() && Character.isDigit(value.charAt(at)); at++) {
            number = number * 10 + value.charAt(at) - '0';
        }
        return number;
    }

    /** The row that a reference value points to: "r2:17" is "r2"; "none:17" is null. */
    static String reference(final String value) {
        final String row = value.substring(0, value.indexOf(':'));
        return row.equals("none") ? null : row;
    }

    static boolean even(final String value) {
        return number(value) % 2 == 0;
    }

    /** A windowed reducer meets null values (only plain aggregations skip them): null counts as 0. */
    static Long sum(final Long a, final Long b) {
        return (a == null ? 0 : a) + (b == null ? 0 : b);
    }

    static Long max(final Long a, final Long b) {
        return Math.max(a == null ? 0 : a, b == null ? 0 : b);
    }

    /** Counts the key once more. */
    static long count(final KeyValueStore<String, Long> counts, final String key) {
        final Long before = counts.get(key);
        final long times = before == null ? 1 : before + 1;
        counts.put(key, times);
        return times;
    }

    static String pair(final Object left, final Object right) {
        return left + "+" + right;
    }
}
