import { createRideTopics } from '../../app/topics/create-topics.ts'
import { connectKafka } from '../../infra/kafka/kafka.ts'
import { EVENT_TYPES } from '../../processors/events/schemas.ts'
import { rideInput } from '../support/ride-input.ts'
import { differencesFromOracle } from './judge.ts'
import type { Program } from './program.ts'
import type { Subject } from './subject.ts'

const APPLICATION_ID = 'chaos'

/** The ride application, or what does the same job. */
export function ridesSubject(program: Program, seed: number): Subject {
  return {
    program,
    applicationId: APPLICATION_ID,
    inputs: EVENT_TYPES,
    globals: [],
    outputs: ['trip.state', 'driver.cell.changed', 'analytics.hourly_revenue', `${APPLICATION_ID}.dlq`],
    properties: {},
    async createTopics(bootstrap) {
      const cluster = connectKafka({ brokers: bootstrap.split(','), clientId: 'chaos' })
      await createRideTopics(cluster.admin(), {
        applicationId: APPLICATION_ID,
        outputRetentionMs: -1,
        keepForever: true,
      })
      await cluster.close()
    },
    before: () => [],
    load: (count) => rideInput({ seed, count, invalid: 0.01, drivers: 300 }),
    aborted: () => [],
    after: () => [],
    differences: (judged) => differencesFromOracle({ applicationId: APPLICATION_ID, ...judged }),
    queries: null,
    storeDifferences: null,
    diskDifferences: null,
  }
}
