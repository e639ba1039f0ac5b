package differential;

import static differential.Dsl.*;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * A topology that a seed makes, as data: one step of the DSL per line. {@link RandomDsl} builds it here, random-dsl.ts builds it there.
 * All keys and values are texts.
 */
final class RandomTopology {
    final List<Map<String, Object>> steps = new ArrayList<>();
    final List<String> outputs = new ArrayList<>();
    final List<String> stores = new ArrayList<>();
    final Inputs inputs = new Inputs();
    final boolean optimized;
    private final Random random;
    private final List<Integer> streams = new ArrayList<>();
    private final List<Integer> tables = new ArrayList<>();
    private final List<Integer> globals = new ArrayList<>();
    private final Set<Integer> versioned = new TreeSet<>();
    private final Set<Integer> used = new TreeSet<>();
    /** Topics that a node's records come from, by node. */
    private final Map<Integer, Set<String>> origins = new HashMap<>();
    /** Nodes whose records may come by a topic between, or later than others of the same origin. */
    private final Set<Integer> moved = new TreeSet<>();
    /** Nodes whose records may be older than others of theirs that were sent before. */
    private final Set<Integer> late = new TreeSet<>();
    private final Map<String, Integer> topics = new HashMap<>();
    private final boolean isDisordered;
    private int nodes = 0;

    RandomTopology(final long seed) {
        random = new Random(seed);
        for (int n = 0; n < 10; n++) random.nextInt();
        isDisordered = chance(0.5);
        optimized = chance(0.25);
        source();
        if (chance(0.6)) source();
        if (chance(0.6)) table();
        if (chance(0.25)) table();
        if (chance(0.2)) global();
        for (int left = 3 + random.nextInt(7); left > 0; left--) step();
        for (final int id : List.copyOf(tables)) if (!used.contains(id)) streams.add(add("toStream", List.of(id), Map.of()));
        for (final int id : List.copyOf(streams)) if (!used.contains(id) || chance(0.1)) sink(id);
        inputs.keys("a", "b", "c", "d").count(70).step(250 + random.nextInt(500)).tombstones(0.12).headers(chance(0.2) ? 0.4 : 0);
        if (steps.stream().noneMatch(step -> "close".equals(step.get("emit")))) inputs.flush(9000);
        if (isDisordered) inputs.disorder(1 + random.nextInt(2000)).late(random.nextBoolean() ? 0 : 6000);
        for (final String topic : topics.keySet().stream().sorted().toList()) inputs.topic(topic, Inputs.Values.SEQUENCE);
    }

    private boolean chance(final double share) {
        return random.nextDouble() < share;
    }

    @SafeVarargs
    private <T> T any(final T... of) {
        return of[random.nextInt(of.length)];
    }

    private int pick(final List<Integer> from) {
        final int id = from.get(random.nextInt(from.size()));
        used.add(id);
        return id;
    }

    /**
     * Another node, or null: two ways from one topic meet only where the order in which their records arrive is defined, which it is not
     * behind topics between.
     */
    private Integer other(final List<Integer> from, final int than, final boolean isFar) {
        for (int tries = 0; tries < 4; tries++) {
            final int id = from.get(random.nextInt(from.size()));
            final boolean isRelated = origins.get(id).stream().anyMatch(origins.get(than)::contains);
            if (isRelated && (isFar || moved.contains(id) || moved.contains(than))) continue;
            used.add(id);
            return id;
        }
        return null;
    }

    private int add(final String op, final List<Integer> from, final Map<String, Object> with) {
        final int id = nodes++;
        final Map<String, Object> step = new LinkedHashMap<>();
        step.put("op", op);
        step.put("id", id);
        if (!from.isEmpty()) step.put("from", from);
        step.putAll(new TreeMap<>(with));
        if (!from.isEmpty() && !op.equals("split") && !op.equals("cogroup") && chance(0.2)) step.put("name", "op-" + id);
        steps.add(step);
        used.addAll(from);
        final Set<String> topics = new TreeSet<>();
        if (from.isEmpty()) topics.add((String) with.get("topic"));
        for (final int parent : from) topics.addAll(origins.get(parent));
        origins.put(id, topics);
        if (op.equals("split")) origins.put(id + 1, topics);
        final boolean moves = with.containsKey("by") || with.containsKey("windows") || with.containsKey("key") && !op.equals("joinGlobal")
            || Set.of("repartition", "suppress", "joinOnForeignKey", "joinStream", "ticks").contains(op);
        spread(moved, step, moves);
        spread(late, step, with.containsKey("windows") || with.containsKey("graceMs") || op.equals("suppress"));
        return id;
    }

    /** A node is in the set when its step says so, or a node above it is. */
    private static void spread(final Set<Integer> into, final Map<String, Object> step, final boolean isOne) {
        final List<?> from = (List<?>) step.getOrDefault("from", List.of());
        if (!isOne && from.stream().noneMatch(into::contains)) return;
        into.add((Integer) step.get("id"));
        if (step.get("op").equals("split")) into.add((Integer) step.get("id") + 1);
    }

    private void source() {
        final String topic = "in" + (topics.size() + 1);
        topics.put(topic, streams.size());
        streams.add(add("stream", List.of(), Map.of("topic", topic)));
    }

    private void table() {
        final String topic = "rows" + (topics.size() + 1);
        topics.put(topic, tables.size());
        final Map<String, Object> with = new HashMap<>(Map.of("topic", topic));
        final boolean isVersioned = chance(0.2);
        if (isVersioned) with.put("historyMs", 8000);
        if (isVersioned || chance(0.4)) with.put("store", store(true));
        final int id = add("table", List.of(), with);
        tables.add(id);
        if (isVersioned) versioned.add(id);
    }

    private void global() {
        final String topic = "all" + (topics.size() + 1);
        topics.put(topic, globals.size());
        globals.add(add("globalTable", List.of(), Map.of("topic", topic)));
    }

    private void sink(final int id) {
        final String topic = "out" + (outputs.size() + 1);
        outputs.add(topic);
        add("to", List.of(id), Map.of("topic", topic));
    }

    private String store(final boolean isShown) {
        final String name = "store-" + nodes;
        if (isShown) stores.add(name);
        return name;
    }

    private Map<String, Object> maybeStore(final Map<String, Object> with) {
        final Map<String, Object> all = new HashMap<>(with);
        if (chance(0.4)) all.put("store", store(true));
        return all;
    }

    private String predicate() {
        return any("even", "third", "present", "key-a");
    }

    private String mapper() {
        return any("bang", "mod", "holes", "key");
    }

    private String keyMapper() {
        return any("mod", "holes", "const", "key");
    }

    private String fold() {
        return any("count", "reduce", "aggregate", "aggregate-holes");
    }

    private Map<String, Object> grouping() {
        final Map<String, Object> with = new HashMap<>();
        if (chance(0.5)) with.put("by", keyMapper());
        with.put("fold", fold());
        return with;
    }

    private Map<String, Object> windows() {
        final Map<String, Object> with = new HashMap<>();
        final String kind = any("tumbling", "hopping", "sliding", "session");
        with.put("windows", kind);
        with.put("sizeMs", 500 + 100 * random.nextInt(30));
        with.put("graceMs", chance(0.4) ? 0 : 100 * random.nextInt(20));
        if (kind.equals("hopping")) with.put("advanceMs", 300 + 100 * random.nextInt(3));
        return with;
    }

    private void step() {
        final int choice = random.nextInt(100);
        if (choice < 42 || tables.isEmpty()) streamStep(choice % 14);
        else if (choice < 60) tableStep(choice % 6);
        else if (choice < 72) joinTables(choice % 3);
        else joinStreams(choice);
    }

    private void streamStep(final int choice) {
        final int from = pick(streams);
        switch (choice) {
            case 0 -> streams.add(add(any("filter", "filterNot"), List.of(from), Map.of("fn", predicate())));
            case 1 -> streams.add(add("mapValues", List.of(from), Map.of("fn", mapper())));
            case 2 -> streams.add(add("map", List.of(from), Map.of("key", keyMapper(), "fn", mapper())));
            case 3 -> streams.add(add("selectKey", List.of(from), Map.of("key", keyMapper())));
            case 4 -> streams.add(add("flatMapValues", List.of(from), Map.of()));
            case 5 -> {
                final Integer other = other(streams, from, false);
                if (other != null) streams.add(add("merge", List.of(from, other), Map.of()));
            }
            case 6 -> {
                final int id = add("split", List.of(from), Map.of("fn", predicate()));
                streams.add(id);
                // The default branch.
                nodes++;
                streams.add(id + 1);
            }
            case 7 -> streams.add(add("repartition", List.of(from), Map.of()));
            case 8 -> tables.add(add("toTable", List.of(from), maybeStore(Map.of())));
            case 9, 10 -> tables.add(add("aggregate", List.of(from), maybeStore(grouping())));
            case 11 -> {
                // An optimized topology of Kafka Streams repartitions before processValues() (KAFKA-19668).
                if (!optimized && chance(0.7)) streams.add(add("count-calls", List.of(from), Map.of("store", store(true))));
                // TopologyTestDriver of Kafka Streams has one task for all subtopologies, so ticks depend on all topics.
                else if (topics.size() == 1) streams.add(add("ticks", List.of(from), Map.of("store", store(true), "everyMs", 400 + random.nextInt(2000))));
            }
            case 12 -> {
                final Map<String, Object> with = grouping();
                with.putAll(windows());
                // After a jump of time beyond the retention, Kafka Streams loses windows that it has not sent.
                if (chance(0.3) && (Integer) with.get("graceMs") >= 1500) with.put("emit", "close");
                else if (chance(0.3)) with.put("suppress", "close");
                else if (chance(0.2)) with.put("suppress", 200 + random.nextInt(1500));
                if (chance(0.2)) {
                    with.put("group", any("count", "aggregate"));
                    tables.add(add("windowed", List.of(from), with));
                } else streams.add(add("windowed", List.of(from), with));
            }
            default -> {
                final Integer other = other(streams, from, false);
                if (other == null) return;
                final Map<String, Object> with = new HashMap<>();
                // Topics whose times are apart: rows that only segments of Kafka Streams still hold would count.
                if (chance(0.5) && origins.get(from).equals(origins.get(other))) with.putAll(windows());
                if (with.isEmpty()) tables.add(add("cogroup", List.of(from, other), maybeStore(with)));
                else streams.add(add("cogroup", List.of(from, other), with));
            }
        }
    }

    private void tableStep(final int choice) {
        final int from = pick(tables);
        switch (choice) {
            case 0 -> tables.add(add(any("filterTable", "filterNotTable"), List.of(from), maybeStore(Map.of("fn", predicate()))));
            case 1 -> {
                if (chance(0.7)) tables.add(add("mapTableValues", List.of(from), maybeStore(Map.of("fn", mapper()))));
                else tables.add(add("transformTableValues", List.of(from), maybeStore(Map.of())));
            }
            case 2 -> streams.add(add("toStream", List.of(from), Map.of()));
            case 3, 4 -> tables.add(add("groupTable", List.of(from), maybeStore(Map.of("by", keyMapper(), "fold", any("count", "reduce", "aggregate")))));
            default -> {
                if (versioned.contains(from)) streams.add(add("toStream", List.of(from), Map.of()));
                else tables.add(add("suppress", List.of(from), Map.of("limitMs", random.nextInt(2000))));
            }
        }
    }

    private void joinTables(final int choice) {
        final int from = pick(tables);
        final Integer other = other(tables, from, choice == 2);
        if (other == null) return;
        if (choice < 2) tables.add(add("joinTables", List.of(from, other), maybeStore(Map.of("kind", any("inner", "left", "outer")))));
        else tables.add(add("joinOnForeignKey", List.of(from, other), maybeStore(Map.of("kind", any("inner", "left")))));
    }

    private void joinStreams(final int choice) {
        final int from = pick(streams);
        if (choice < 86) {
            final Integer table = other(tables, from, false);
            if (table == null) return;
            final Map<String, Object> with = new HashMap<>(Map.of("kind", any("inner", "left")));
            if (versioned.contains(table) && chance(0.5)) with.put("graceMs", 500 + random.nextInt(1500));
            streams.add(add("joinTable", List.of(from, table), with));
        } else if (choice < 90 && !globals.isEmpty()) {
            streams.add(add("joinGlobal", List.of(from, pick(globals)), Map.of("kind", any("inner", "left"), "key", keyMapper())));
        } else {
            final Integer other = other(streams, from, false);
            if (other == null) return;
            // Left and outer joins of late records, and optimized ones of a stream with itself, differ on purpose.
            final String kind = isDisordered || late.contains(from) || late.contains(other) || optimized && other.equals(from) ? "inner" : any("inner", "left", "outer");
            streams.add(add("joinStream", List.of(from, other), Map.of("kind", kind, "withinMs", 100 + random.nextInt(900), "graceMs", kind.equals("inner") ? random.nextInt(800) : 0)));
        }
    }
}
