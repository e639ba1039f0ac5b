import { expect, it } from 'vitest'
import { callsRound } from '../chaos/calls/round.ts'
import { kafkaForTests, uniqueName } from '../support/kafka.ts'

const RECORDS = 600

it('each record that a service is asked about has one output, in the order of its key, through kill -9 of two instances', async () => {
  const { bootstrap } = await kafkaForTests()
  const result = await callsRound({
    bootstrap,
    applicationId: uniqueName('calls'),
    records: RECORDS,
    kills: 3,
    seed: 4,
  })
  const { outputs, missing, repeated, outOfOrder, wrong, exits } = result
  expect({ outputs, missing, repeated, outOfOrder, wrong, exits }).toEqual({
    ...{ outputs: RECORDS, missing: 0, repeated: 0, outOfOrder: 0, wrong: 0 },
    exits: [0, 0],
  })
  expect(result.failures).toBeGreaterThan(RECORDS / 37 - 1)
})
