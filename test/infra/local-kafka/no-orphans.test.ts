import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Kafka, logLevel } from 'kafkajs'
import { expect, it } from 'vitest'
import { answers } from '../../../infra/local-kafka/readiness.ts'
import { startOwnKafka } from '../../support/kafka.ts'

interface Told {
  readonly kind: 'jars' | 'docker'
  readonly dataDir: string
  readonly bootstrap: string
}

async function startOwner(...dataDir: string[]): Promise<{ owner: ChildProcess; told: Told }> {
  const script = join(import.meta.dirname, 'owner-that-dies.ts')
  const owner = spawn(process.execPath, [script, ...dataDir], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(createInterface({ input: owner.stdout }), 'line')) as [string]
  return { owner, told: JSON.parse(line) as Told }
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20))
}

it.each(['SIGKILL', 'SIGINT'] as const)('no broker and no file remains when its owner dies of %s', async (signal) => {
  const { owner, told } = await startOwner()
  const isUp = () => answers('127.0.0.1', Number(told.bootstrap.split(':')[1]))
  expect(await isUp()).toBe(true)
  // A container's data is in its anonymous volume.
  expect(existsSync(told.dataDir)).toBe(told.kind === 'jars')
  owner.kill(signal)
  await once(owner, 'exit')
  await until(async () => !(await isUp()))
  await until(() => !existsSync(told.dataDir))
})

it('a broker starts at once on the data of a killed owner whose broker is still stopping', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'killed-owner-'))
  const { owner, told } = await startOwner(dataDir)
  const before = new Kafka({ brokers: [told.bootstrap], logLevel: logLevel.NOTHING }).admin()
  await before.connect()
  await before.createTopics({ topics: [{ topic: 'kept' }], waitForLeaders: true })
  await before.disconnect()
  owner.kill('SIGKILL')
  const broker = await startOwnKafka({ dataDir })
  try {
    const after = new Kafka({ brokers: [broker.bootstrap], logLevel: logLevel.NOTHING }).admin()
    await after.connect()
    expect(await after.listTopics()).toContain('kept')
    await after.disconnect()
  } finally {
    await broker.stop()
    await rm(dataDir, { recursive: true, force: true })
  }
})
