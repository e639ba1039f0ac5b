import type { Admin, ITopicMetadata } from 'kafkajs'

/** Metadata of these topics as soon as whichever broker kafkajs asks knows all of them; the test's time limit is the limit. */
export async function topicMetadata(admin: Admin, topics: readonly string[]): Promise<readonly ITopicMetadata[]> {
  for (;;) {
    try {
      return (await admin.fetchTopicMetadata({ topics: [...topics] })).topics
    } catch (error) {
      // By name: CommonJS tells Node of some of its exports only.
      if (!(error instanceof Error && error.name.startsWith('KafkaJS'))) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}
