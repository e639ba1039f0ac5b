import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectKafka } from '../../infra/kafka/kafka.ts'
import { errorText } from '../../infra/kafka/protocol-error.ts'
import type { LocalKafka } from '../../infra/local-kafka/local-kafka.ts'
import { CORE_PROCESSORS } from '../../processors/processor-names.ts'
import { type BrokerReach, isCutOff } from '../../runtime/ports/instance.ts'
import { AppProcess } from '../support/app-process.ts'
import { startOwnKafka } from '../support/kafka.ts'
import { resultOf, runCli, spawnCli } from '../support/run-cli.ts'

/* A Kafka that dies, or stands still with all its connections: within five seconds everybody who looks is told which broker it is. */

const SOON_MS = 5000
/** A loaded machine. */
const SLACK_MS = 2000
const START_MS = 10_000

const directory = mkdtempSync(join(tmpdir(), 'silent-brokers-'))
let kafka: LocalKafka
let env: Record<string, string>

beforeAll(async () => {
  kafka = await startOwnKafka()
  env = {
    KAFKA_BROKERS: kafka.bootstrap,
    APPLICATION_ID: 'silent',
    STATE_DIR: directory,
    HTTP_PORT: '0',
    PROCESSORS: CORE_PROCESSORS.join(),
  }
  expect(await runCli(['topics', 'create'], env)).toMatchObject({ code: 0 })
})

afterAll(async () => {
  await kafka?.stop()
  rmSync(directory, { recursive: true, force: true })
})

const soon = { timeout: SOON_MS + SLACK_MS, interval: 50 }

it.runIf(process.platform === 'linux')('a broker that stands still is silent until it goes on', async () => {
  const cluster = connectKafka({ brokers: [kafka.bootstrap], clientId: 'watch' })
  const seen: BrokerReach[] = []
  const watch = cluster.watch((reach) => seen.push(reach))
  try {
    await expect.poll(() => watch.reach().known).toEqual([kafka.bootstrap])
    process.kill(kafka.pid ?? 0, 'SIGSTOP')
    await expect.poll(() => seen.length, soon).toBe(1)
    expect(seen[0]?.silent.map(({ broker }) => broker)).toEqual([kafka.bootstrap])
    expect(isCutOff(watch.reach())).toBe(true)
    process.kill(kafka.pid ?? 0, 'SIGCONT')
    await expect.poll(() => seen.at(-1)?.silent, soon).toEqual([])
  } finally {
    process.kill(kafka.pid ?? 0, 'SIGCONT')
    await cluster.close()
  }
})

it('a dead broker is in the log, in readiness, metrics and lag, and all is well when it is back', async () => {
  const app = await AppProcess.start(env)
  await app.ready()
  const metrics = async () => (await fetch(`${app.url}/metrics`)).text()
  expect(await metrics()).toContain(`kafka_broker_up{broker="${kafka.bootstrap}"} 1`)
  expect(await metrics()).toMatch(/^kafka_consumer_lag\{/m)

  await kafka.kill()
  const ready = async () => {
    const answer = await fetch(`${app.url}/health/ready`)
    return [answer.status, ((await answer.json()) as { silentBrokers: string[] }).silentBrokers]
  }
  await expect.poll(ready, soon).toEqual([503, [kafka.bootstrap]])
  // The log comes through a pipe, readiness by HTTP.
  const told = () => app.log.filter((line) => line.includes('no broker answers'))
  await expect.poll(told, soon).toContainEqual(expect.stringContaining(`"broker":"${kafka.bootstrap}"`))
  expect(await metrics()).toContain(`kafka_broker_up{broker="${kafka.bootstrap}"} 0`)
  expect(await metrics()).not.toMatch(/^kafka_consumer_lag\{/m)

  await kafka.restart()
  await expect.poll(ready, { timeout: 30_000 }).toEqual([200, []])
  await expect.poll(() => app.log.some((line) => line.includes('all brokers answer again'))).toBe(true)
  expect(await app.end('SIGTERM')).toBe(0)
})

describe('a command says soon which brokers it waits for', () => {
  it.each([['lag'], ['replay', '--dry-run'], ['simulate', '--trips', '1']])('%s', async (...args) => {
    const silent = '127.0.0.1:1'
    const child = spawnCli(args, { ...env, KAFKA_BROKERS: silent })
    const result = resultOf(child)
    const began = performance.now()
    child.stderr?.once('data', () => child.kill('SIGKILL'))
    const { stderr } = await result
    expect(stderr).toMatch(/^waiting for brokers that do not answer: 127\.0\.0\.1:1 \(.*ECONNREFUSED.*\)\n$/)
    // The start of the program is in it, too.
    expect(performance.now() - began).toBeLessThan(SOON_MS + START_MS)
  })
})

it.each([3, 5, 6, 7, 14, 15, 16, 41])("Kafka's error code %i is told in a sentence, with its name", (code) => {
  expect(errorText(code)).toMatch(/^the .* \([A-Z_]+\)$|^there is .* \([A-Z_]+\)$/)
})
