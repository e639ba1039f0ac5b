import { parseArgs } from 'node:util'
import { startLocalKafka } from '../../../infra/local-kafka/resolve.ts'
import { callsRound } from './round.ts'

/*
 * npm run chaos:calls -- [--records N] [--kills N] [--seed S]
 * Two instances ask a slow service about each record, every 37th call fails, and kill -9 ends one of the instances again and again, on a
 * real broker. Exit code 1 unless each record has one output and each key its order.
 */
const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '20000' },
    kills: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
  },
})
const say = (line: string): void => void process.stdout.write(`${line}\n`)
const broker = await startLocalKafka()
try {
  const result = await callsRound({
    ...{ bootstrap: broker.bootstrap, applicationId: 'calls', onProgress: say },
    ...{ records: Number(values.records), kills: Number(values.kills), seed: Number(values.seed) },
  })
  const { records, outputs, missing, repeated, outOfOrder, wrong, attempts, failures, seconds, exits } = result
  say(
    `${records} records, ${outputs} outputs in ${seconds.toFixed(1)} s; ${attempts} calls, ${failures} of them failed`,
  )
  say(
    `${missing} missing, ${repeated} repeated, ${outOfOrder} out of order, ${wrong} wrong; exit codes ${exits.join(', ')}`,
  )
  if (outputs !== records || missing + repeated + outOfOrder + wrong > 0) process.exitCode = 1
} finally {
  await broker.stop()
}
