import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Prints the values of the first records of partition 0, one a line: bootstrap servers, topic, number of records. */
class ReadRecords {
  public static void main(String[] args) {
    Map<String, Object> config = Map.of("bootstrap.servers", args[0], "isolation.level", "read_committed");
    TopicPartition partition = new TopicPartition(args[1], 0);
    try (KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer())) {
      consumer.assign(List.of(partition));
      consumer.seekToBeginning(List.of(partition));
      for (int left = Integer.parseInt(args[2]); left > 0; ) {
        for (var record : consumer.poll(Duration.ofSeconds(1))) {
          System.out.println(record.value());
          left--;
        }
      }
    }
  }
}
