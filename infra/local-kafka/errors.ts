import { StreamsError } from '../../state/ports/errors.ts'

/** No Kafka is available. Provide one of the three ways: KAFKA_BROKERS, a running Docker engine, or Java 17+ with Maven. */
export class NoKafkaError extends StreamsError {
  constructor(why: string) {
    super(
      'NO_KAFKA',
      `no Kafka is available (${why}): set KAFKA_BROKERS to a running cluster, or start a Docker engine, or install Java 17+ and Maven`,
    )
  }
}

/** The broker did not come up, or its jars could not be fetched. Look at its log; the last lines are in the message. */
export class LocalKafkaError extends StreamsError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('LOCAL_KAFKA', message, options)
  }
}

/** Several standing brokers run, and none was named. Name one by its data directory, or all. */
export class SeveralBrokersError extends StreamsError {
  constructor(dataDirs: readonly string[]) {
    super(
      'SEVERAL_BROKERS',
      `${dataDirs.length} local brokers run: name one by --data (${dataDirs.join(', ')}), or stop all with --all`,
    )
  }
}
