import { createRideTopics } from '../../app/topics/create-topics.ts'
import { connectKafka } from '../../infra/kafka/kafka.ts'

/** Creates the topics of the rides, from which nothing is removed however old the events of a test are. */
export async function keepRideTopics(bootstrap: string, applicationId: string): Promise<void> {
  const cluster = connectKafka({ brokers: bootstrap.split(','), clientId: 'test' })
  await createRideTopics(cluster.admin(), { applicationId, outputRetentionMs: -1, keepForever: true })
  await cluster.close()
}
