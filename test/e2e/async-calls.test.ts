import { expect, it } from 'vitest'
import type { Cause } from '../../infra/streams/causes/index.ts'
import { type AfterRound, callsRound } from '../chaos/calls/round.ts'
import { kafkaForTests, uniqueName } from '../support/kafka.ts'
import { kafkajs, readCommitted } from '../support/kafkajs.ts'
import { runCli } from '../support/run-cli.ts'

const RECORDS = 600
const MODULE = 'test/chaos/calls/topology.ts'

it('each record that a service is asked about has one output, in the order of its key, through kill -9 of two instances; a replay reads the recorded answers', async () => {
  const { bootstrap } = await kafkaForTests()
  const applicationId = uniqueName('calls')
  let left: AfterRound | null = null
  let replayed: unknown = null
  let cause: Cause | null = null
  const result = await callsRound({
    ...{ bootstrap, applicationId, records: RECORDS, kills: 3, seed: 4 },
    async afterwards(application) {
      left = application
      const ask = async (...args: string[]): Promise<unknown> => {
        const { code, stdout, stderr } = await runCli([...args, '--module', MODULE, '--json'], application.environment)
        expect([code, stderr]).toEqual([0, ''])
        return JSON.parse(stdout)
      }
      // A call would find no service: the variable that names it is not there.
      replayed = await ask('replay')
      cause = (await ask('why', `${application.output}:0:0`)) as Cause
    },
  })
  const { outputs, missing, repeated, outOfOrder, wrong, exits } = result
  expect({ outputs, missing, repeated, outOfOrder, wrong, exits }).toEqual({
    ...{ outputs: RECORDS, missing: 0, repeated: 0, outOfOrder: 0, wrong: 0 },
    exits: [0, 0],
  })
  expect(result.failures).toBeGreaterThan(RECORDS / 37 - 1)

  const { output, answers } = left as unknown as AfterRound
  const records = await readCommitted(kafkajs(bootstrap), [answers], `${applicationId}-answers`)
  expect([records.length, new Set(records.map(({ value }) => String(value))).size]).toEqual([RECORDS, RECORDS])
  expect(replayed).toMatchObject({
    records: RECORDS + 1,
    rows: [
      { topic: `${applicationId}-ask-calls-changelog`, rows: 1, differing: 0, written: 0 },
      { topic: output, differing: 0, written: 0 },
    ],
  })
  expect(cause).toMatchObject({ how: 'same', path: [0, 1], missingAnswers: [] })
})
