package peer.operators;

import java.time.Duration;
import java.util.Properties;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.WindowedSerdes;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;
import peer.plain.JsonSerde;

/** The topologies of bench/operators/operators.ts, in the same order and with the same numbers. */
public final class Operators {
    record Order(String order, String customer, String product, int amount, String note) { }

    record Payment(String order, int amount, String method) { }

    record Customer(String name, String product, String city) { }

    record Product(String title, int price) { }

    record Taxed(String order, int amount, int tax) { }

    record Total(int orders, long amount, int largest) { }

    record WithCity(String order, int amount, String city) { }

    record Open(String order, int open) { }

    record Balance(String name, int amount) { }

    record Favourite(String name, String title, int price) { }

    private static final Duration WINDOW = Duration.ofSeconds(20);
    private static final Duration GRACE = Duration.ofSeconds(2);
    private static final Duration FIVE_SECONDS = Duration.ofSeconds(5);
    private static final Serde<String> KEY = Serdes.String();
    private static final Serde<Order> ORDER = JsonSerde.of(Order.class);
    private static final Serde<Payment> PAYMENT = JsonSerde.of(Payment.class);
    private static final Serde<Customer> CUSTOMER = JsonSerde.of(Customer.class);
    private static final Serde<Product> PRODUCT = JsonSerde.of(Product.class);
    private static final Serde<Total> TOTAL = JsonSerde.of(Total.class);
    private static final Serde<Windowed<String>> WINDOWED = WindowedSerdes.timeWindowedSerdeFrom(String.class, WINDOW.toMillis());

    public static Topology build(final String name, final String out, final Properties config) {
        final StreamsBuilder builder = new StreamsBuilder();
        add(builder, name, out);
        return builder.build(config);
    }

    private static void add(final StreamsBuilder builder, final String name, final String out) {
        switch (name) {
            case "filter and map" -> orders(builder)
                .filter((key, order) -> order.amount() > 5000)
                .mapValues(order -> new Taxed(order.order(), order.amount(), order.amount() / 5))
                .to(out, Produced.with(KEY, JsonSerde.of(Taxed.class)));
            case "count" -> grouped(builder).count().toStream().to(out, Produced.with(KEY, Serdes.Long()));
            case "aggregate by another key" -> orders(builder)
                .groupBy((key, order) -> order.product(), Grouped.with(KEY, ORDER))
                .aggregate(() -> new Total(0, 0, 0),
                    (key, order, total) -> new Total(total.orders() + 1, total.amount() + order.amount(), Math.max(total.largest(), order.amount())),
                    Materialized.<String, Total, KeyValueStore<Bytes, byte[]>>with(KEY, TOTAL))
                .toStream()
                .to(out, Produced.with(KEY, TOTAL));
            case "tumbling windows" -> grouped(builder)
                .windowedBy(TimeWindows.ofSizeAndGrace(WINDOW, GRACE))
                .count()
                .toStream()
                .to(out, Produced.with(WINDOWED, Serdes.Long()));
            case "hopping windows" -> grouped(builder)
                .windowedBy(TimeWindows.ofSizeAndGrace(WINDOW, GRACE).advanceBy(WINDOW.dividedBy(4)))
                .count()
                .toStream()
                .to(out, Produced.with(WINDOWED, Serdes.Long()));
            case "sliding windows" -> grouped(builder)
                .windowedBy(SlidingWindows.ofTimeDifferenceAndGrace(WINDOW, GRACE))
                .count()
                .toStream()
                .to(out, Produced.with(WINDOWED, Serdes.Long()));
            case "sessions" -> grouped(builder)
                .windowedBy(SessionWindows.ofInactivityGapAndGrace(FIVE_SECONDS, GRACE))
                .count()
                .toStream()
                .to(out, Produced.with(WindowedSerdes.sessionWindowedSerdeFrom(String.class), Serdes.Long()));
            case "final windows" -> grouped(builder)
                .windowedBy(TimeWindows.ofSizeAndGrace(WINDOW, GRACE))
                .count()
                .suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()))
                .toStream()
                .to(out, Produced.with(WINDOWED, Serdes.Long()));
            case "stream with table" -> orders(builder)
                .join(customers(builder), (order, customer) -> new WithCity(order.order(), order.amount(), customer.city()),
                    Joined.with(KEY, ORDER, CUSTOMER))
                .to(out, Produced.with(KEY, JsonSerde.of(WithCity.class)));
            case "stream with stream" -> builder.stream("shipments", Consumed.with(KEY, ORDER))
                .join(builder.stream("payments", Consumed.with(KEY, PAYMENT)),
                    (order, payment) -> new Open(order.order(), order.amount() - payment.amount()),
                    JoinWindows.ofTimeDifferenceAndGrace(FIVE_SECONDS, GRACE),
                    StreamJoined.with(KEY, ORDER, PAYMENT))
                .to(out, Produced.with(KEY, JsonSerde.of(Open.class)));
            case "table with table" -> customers(builder)
                .join(builder.table("accounts", Consumed.with(KEY, PAYMENT)),
                    (customer, account) -> new Balance(customer.name(), account.amount()))
                .toStream()
                .to(out, Produced.with(KEY, JsonSerde.of(Balance.class)));
            case "foreign key" -> customers(builder)
                .join(builder.table("products", Consumed.with(KEY, PRODUCT)), Customer::product,
                    (customer, product) -> new Favourite(customer.name(), product.title(), product.price()),
                    Materialized.<String, Favourite, KeyValueStore<Bytes, byte[]>>with(KEY, JsonSerde.of(Favourite.class)))
                .toStream()
                .to(out, Produced.with(KEY, JsonSerde.of(Favourite.class)));
            case "table regrouped" -> customers(builder)
                .groupBy((key, customer) -> KeyValue.pair(customer.product(), customer.name().length()),
                    Grouped.with(KEY, Serdes.Integer()))
                .count()
                .toStream()
                .to(out, Produced.with(KEY, Serdes.Long()));
            case "processor with store" -> {
                builder.addStateStore(Stores.keyValueStoreBuilder(Stores.persistentKeyValueStore("seen"), KEY, KEY));
                orders(builder).process(FirstOnly::new, "seen").to(out, Produced.with(KEY, ORDER));
            }
            default -> throw new IllegalArgumentException("no operator is named " + name);
        }
    }

    private static KStream<String, Order> orders(final StreamsBuilder builder) {
        return builder.stream("orders", Consumed.with(KEY, ORDER));
    }

    private static KGroupedStream<String, Order> grouped(final StreamsBuilder builder) {
        return orders(builder).groupByKey(Grouped.with(KEY, ORDER));
    }

    private static KTable<String, Customer> customers(final StreamsBuilder builder) {
        return builder.table("customers", Consumed.with(KEY, CUSTOMER));
    }

    /** Lets the first order of each product and customer pass. */
    private static final class FirstOnly extends ContextualProcessor<String, Order, String, Order> {
        private KeyValueStore<String, String> seen;

        @Override
        public void init(final ProcessorContext<String, Order> context) {
            super.init(context);
            seen = context.getStateStore("seen");
        }

        @Override
        public void process(final Record<String, Order> record) {
            final Order order = record.value();
            final String key = order.customer() + "/" + order.product();
            if (seen.get(key) != null) return;
            seen.put(key, order.order());
            context().forward(record);
        }
    }
}
