import { deadLetterTopic } from '../../../topology/dead-letter-topic.ts'
import { type Config, kafkaConnection } from '../../config/index.ts'
import { connectKafka } from '../../kafka/index.ts'
import { LatestLetters, type LetterClients } from './latest-letters.ts'
import { redriveId } from './redrive.ts'

/** Number of dead letters that a dashboard shows. */
const SHOWN = 20
/** So many of each partition take some seconds to read, once, while someone looks. */
const MOST_COUNTED = 50_000
/** A dashboard can wait for a broker. Closing the instance should not have to. */
const PATIENCE_MS = 3000

/** The newest dead letters of the application with this configuration. */
export function latestLetters(config: Config): LatestLetters {
  const topic = deadLetterTopic(config.applicationId)
  const connect = (): LetterClients => {
    const kafka = connectKafka(kafkaConnection(config))
    const { compression } = config
    return {
      admin: kafka.admin({ timeoutMs: PATIENCE_MS }),
      reader: kafka.reader({}),
      writer: () => kafka.writer({ transactionalId: redriveId(topic), compression }),
      close: () => kafka.close(),
    }
  }
  return new LatestLetters({
    connect,
    topic,
    limit: SHOWN,
    mostCounted: MOST_COUNTED,
  })
}
