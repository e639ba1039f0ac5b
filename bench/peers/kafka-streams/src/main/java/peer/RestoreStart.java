package peer;

import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.streams.processor.StateRestoreListener;

/** Prints RESTORING when a store begins to restore that has records to restore. */
final class RestoreStart implements StateRestoreListener {
    @Override
    public void onRestoreStart(final TopicPartition changelog, final String store, final long from, final long end) {
        if (end > from) System.out.println("RESTORING");
    }

    @Override
    public void onBatchRestored(final TopicPartition changelog, final String store, final long end, final long restored) {}

    @Override
    public void onRestoreEnd(final TopicPartition changelog, final String store, final long restored) {}
}
