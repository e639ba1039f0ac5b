/** The metrics that ops/jmx/kafka.yml makes of a broker; test/alerts compares them with the real exporter. */
export const JMX_METRICS: readonly string[] = [
  'jmx_scrape_error',
  'kafka_controller_activebrokercount',
  'kafka_controller_offlinepartitionscount',
  'kafka_server_bytesin_total',
  'kafka_server_bytesout_total',
  'kafka_server_messagesin_total',
  'kafka_server_underreplicatedpartitions',
]
