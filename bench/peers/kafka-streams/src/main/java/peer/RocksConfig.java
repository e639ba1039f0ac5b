package peer;

import java.util.Map;
import org.apache.kafka.streams.state.RocksDBConfigSetter;
import org.rocksdb.BlockBasedTableConfig;
import org.rocksdb.Cache;
import org.rocksdb.LRUCache;
import org.rocksdb.Options;

/** One block cache for all stores instead of 50 MB each, larger memtables; the rest is Kafka Streams' own tuning. */
public final class RocksConfig implements RocksDBConfigSetter {
    private static final Cache BLOCKS = new LRUCache(128L * 1024 * 1024);

    @Override
    public void setConfig(final String store, final Options options, final Map<String, Object> configs) {
        final BlockBasedTableConfig table = (BlockBasedTableConfig) options.tableFormatConfig();
        table.setBlockCache(BLOCKS);
        options.setTableFormatConfig(table);
        options.setWriteBufferSize(32L * 1024 * 1024);
        options.setMaxBackgroundJobs(2);
    }

    @Override
    public void close(final String store, final Options options) {
        // The cache is shared: it lives as long as the process.
    }
}
