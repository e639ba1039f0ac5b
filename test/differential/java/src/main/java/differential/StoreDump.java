package differential;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.ValueAndTimestamp;
import org.apache.kafka.streams.state.VersionedKeyValueStore;
import org.apache.kafka.streams.state.VersionedRecord;
import org.apache.kafka.streams.state.WindowStore;

/**
 * Contents of a store as JSON rows: [key, value] or [key, value, timestamp]; windows [key, start, value(, timestamp)];
 * sessions [key, start, end, value]; versioned [key, value, timestamp] of the latest version.
 */
final class StoreDump {
    private static final String[] KEYS = {"a", "b", "c", "d", "e", "r1", "r2", "r3", "r4", "zz"};

    @SuppressWarnings("unchecked")
    static List<Object> rows(final StateStore store) {
        final List<Object> rows = new ArrayList<>();
        if (store instanceof VersionedKeyValueStore) {
            final VersionedKeyValueStore<Object, Object> versioned = (VersionedKeyValueStore<Object, Object>) store;
            for (final String key : KEYS) {
                final VersionedRecord<Object> row = versioned.get(key);
                if (row != null) rows.add(Arrays.asList(key, row.value(), row.timestamp()));
            }
        } else if (store instanceof WindowStore) {
            try (KeyValueIterator<Windowed<Object>, Object> all = ((WindowStore<Object, Object>) store).fetchAll(0, Long.MAX_VALUE)) {
                while (all.hasNext()) {
                    final KeyValue<Windowed<Object>, Object> row = all.next();
                    rows.add(row(row.value, row.key.key(), row.key.window().start()));
                }
            }
        } else if (store instanceof SessionStore) {
            for (final String key : KEYS) {
                try (KeyValueIterator<Windowed<Object>, Object> all = ((SessionStore<Object, Object>) store).fetch(key)) {
                    while (all.hasNext()) {
                        final KeyValue<Windowed<Object>, Object> row = all.next();
                        rows.add(row(row.value, row.key.key(), row.key.window().start(), row.key.window().end()));
                    }
                }
            }
        } else {
            try (KeyValueIterator<Object, Object> all = ((KeyValueStore<Object, Object>) store).all()) {
                while (all.hasNext()) {
                    final KeyValue<Object, Object> row = all.next();
                    if (row.key instanceof Windowed<?> key) rows.add(row(row.value, key.key(), key.window().start()));
                    else rows.add(row(row.value, row.key));
                }
            }
        }
        return rows;
    }

    private static List<Object> row(final Object value, final Object... address) {
        final List<Object> row = new ArrayList<>(Arrays.asList(address));
        if (value instanceof ValueAndTimestamp<?> stamped) {
            row.add(stamped.value());
            row.add(stamped.timestamp());
        } else {
            row.add(value);
        }
        return row;
    }
}
