package differential;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** Shape of the seeded input of a case: which topics, how disordered, how many nulls. Made here only; both sides replay it. */
final class Inputs {
    /** A record to pipe in, or (topic null) a step of the wall clock. */
    record Step(String topic, String key, Object value, long timestamp, Map<String, String> headers, long advanceMs) {
    }

    enum Values {
        /** "v1", "v2", ...: every record its own. */
        SEQUENCE,
        /** int64 0..9 */
        SMALL,
        /** "r2:17": a reference to one of four rows, then a sequence number; sometimes no reference: "none:17". */
        REFERENCE
    }

    private record Source(String topic, String[] keys, Values values) {
    }

    private final List<Source> sources = new ArrayList<>();
    private String[] keys = {"a", "b", "c", "d"};
    private int count = 100;
    private long start = 10_000;
    private int step = 400;
    private int disorder = 0;
    private int late = 0;
    private double lateShare = 0.08;
    private double sameTime = 0.15;
    private double nullKeys = 0.04;
    private double tombstones = 0.1;
    private double headers = 0;
    private int wallClock = 0;
    private double flush = 0;

    Inputs topic(final String topic, final Values values) {
        sources.add(new Source(topic, null, values));
        return this;
    }

    Inputs topic(final String topic, final Values values, final String... keys) {
        sources.add(new Source(topic, keys, values));
        return this;
    }

    Inputs keys(final String... keys) { this.keys = keys; return this; }
    Inputs count(final int count) { this.count = count; return this; }
    Inputs start(final long start) { this.start = start; return this; }
    /** Greatest distance in ms from one record's time to the next one's. */
    Inputs step(final int step) { this.step = step; return this; }
    /** Every record may be this many ms older than the greatest time so far. */
    Inputs disorder(final int disorder) { this.disorder = disorder; return this; }
    /** Some records are up to this many ms late. */
    Inputs late(final int late) { this.late = late; return this; }
    Inputs nullKeys(final double share) { this.nullKeys = share; return this; }
    Inputs tombstones(final double share) { this.tombstones = share; return this; }
    Inputs headers(final double share) { this.headers = share; return this; }
    /** Before some records the wall clock advances by up to this many ms. */
    Inputs wallClock(final int ms) { this.wallClock = ms; return this; }
    /** The last record lies this far in the future and closes all windows. */
    Inputs flush(final double ms) { this.flush = ms; return this; }

    Map<String, Values> topics() {
        final Map<String, Values> all = new LinkedHashMap<>();
        for (final Source source : sources) all.put(source.topic, source.values);
        return all;
    }

    List<Step> generate(final long seed) {
        final Random random = new Random(seed);
        final List<Step> steps = new ArrayList<>();
        long now = start;
        for (int n = 1; n <= count; n++) {
            if (wallClock > 0 && random.nextDouble() < 0.3) {
                steps.add(new Step(null, null, null, 0, Map.of(), 1 + random.nextInt(wallClock)));
            }
            final Source source = sources.get(random.nextInt(sources.size()));
            if (random.nextDouble() >= sameTime) now += random.nextInt(step);
            long timestamp = now;
            if (disorder > 0) timestamp -= random.nextInt(disorder);
            if (late > 0 && random.nextDouble() < lateShare) timestamp -= random.nextInt(late);
            final String[] from = source.keys == null ? keys : source.keys;
            final String key = random.nextDouble() < nullKeys ? null : from[random.nextInt(from.length)];
            final Object value = random.nextDouble() < tombstones ? null : value(source.values, random, n);
            steps.add(new Step(source.topic, key, value, Math.max(0, timestamp), headers(random, n), 0));
        }
        if (flush > 0) {
            for (final Source source : sources) {
                now += (long) flush;
                steps.add(new Step(source.topic, "zz", value(source.values, random, count + 1), now, Map.of(), 0));
            }
        }
        return steps;
    }

    private Map<String, String> headers(final Random random, final int n) {
        final Map<String, String> made = new LinkedHashMap<>();
        if (random.nextDouble() < headers) made.put("trace", "t" + n);
        if (random.nextDouble() < headers / 2) made.put("origin", random.nextBoolean() ? "left" : "right");
        return made;
    }

    private static Object value(final Values values, final Random random, final int n) {
        return switch (values) {
            case SEQUENCE -> "v" + n;
            case SMALL -> (long) random.nextInt(10);
            case REFERENCE -> (random.nextInt(8) == 0 ? "none" : "r" + (1 + random.nextInt(4))) + ":" + n;
        };
    }
}
