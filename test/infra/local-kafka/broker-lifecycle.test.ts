import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Kafka, logLevel } from 'kafkajs'
import { expect, it } from 'vitest'
import { answers, freePorts } from '../../../infra/local-kafka/readiness.ts'
import { standingKafkaDown, standingKafkaStatus, standingKafkaUp } from '../../../infra/local-kafka/standing-broker.ts'
import type { StreamsError } from '../../../state/ports/errors.ts'
import { startOwnKafka } from '../../support/kafka.ts'

function adminOf(bootstrap: string) {
  return new Kafka({ brokers: [bootstrap], logLevel: logLevel.NOTHING }).admin()
}

it('the broker keeps port and data over kill -9 and restart, and removes temporary data when it stops', async () => {
  const broker = await startOwnKafka()
  try {
    const [host = '', port = ''] = broker.bootstrap.split(':')
    const before = adminOf(broker.bootstrap)
    await before.connect()
    await before.createTopics({ topics: [{ topic: 'kept', numPartitions: 3 }], waitForLeaders: true })
    await before.disconnect()

    await broker.kill()
    expect(await answers(host, Number(port))).toBe(false)
    await broker.restart()

    const after = adminOf(broker.bootstrap)
    await after.connect()
    expect(await after.listTopics()).toContain('kept')
    await after.disconnect()

    // A container says nothing of its end.
    if (broker.pid === null) return
    process.kill(broker.pid, 'SIGKILL')
    const { code, message } = (await broker.ended) as StreamsError
    expect([code, message]).toEqual([
      'LOCAL_KAFKA',
      expect.stringContaining(`has ended, with status 137 (${join(broker.dataDir, 'kafka.log')}): `),
    ])
  } finally {
    await broker.stop()
  }
  await expect(rm(broker.dataDir)).rejects.toMatchObject({ code: 'ENOENT' })
})

it('the broker names a port in use instead of choosing another', async () => {
  const taken = createServer()
  const port = await new Promise<number>((resolve) => {
    taken.listen(0, '127.0.0.1', () => resolve((taken.address() as AddressInfo).port))
  })
  await expect(startOwnKafka({ port })).rejects.toMatchObject({
    code: 'LOCAL_KAFKA',
    message: `port ${port} of 127.0.0.1 is in use: Kafka cannot listen on it`,
  })
  taken.close()
})

it('kafka down stops none of several brokers unless it is told which, or all', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'standing-'))
  const registry = join(directory, 'brokers')
  await mkdir(registry)
  const dirs = ['a', 'b', 'c'].map((name) => join(directory, name))
  // The registry knows a broker by the properties of its data directory in the command line of the process.
  const processes = dirs.map((dir) =>
    spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)', join(dir, 'server.properties')]),
  )
  try {
    for (const [i, dataDir] of dirs.entries()) {
      const broker = {
        bootstrap: '127.0.0.1:1',
        kind: 'jars',
        version: '4.2.1',
        container: null,
        dataDir,
        startedAt: '',
      }
      await writeFile(join(registry, `${i}.json`), JSON.stringify({ ...broker, pid: processes[i]?.pid }))
    }
    const [a = '', b = '', c = ''] = dirs
    await expect(standingKafkaDown({ registry })).rejects.toThrow(
      `3 local brokers run: name one by --data (${a}, ${b}, ${c}), or stop all with --all`,
    )
    expect(await standingKafkaDown({ registry, dataDir: b })).toMatchObject([{ dataDir: b }])
    expect(await standingKafkaDown({ registry, all: true })).toMatchObject([{ dataDir: a }, { dataDir: c }])
    expect(await standingKafkaDown({ registry })).toEqual([])
  } finally {
    for (const one of processes) one.kill('SIGKILL')
    await rm(directory, { recursive: true, force: true })
  }
})

it('kafka up keeps running, a second up and status find it, and down ends it', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'standing-'))
  const registry = join(directory, 'brokers')
  const dataDir = join(directory, 'data')
  const [port = 0] = await freePorts(1)
  try {
    const first = await standingKafkaUp({ registry, dataDir, port })
    expect(first).toMatchObject({
      alreadyUp: false,
      broker: { bootstrap: `127.0.0.1:${port}`, dataDir },
    })
    expect(await standingKafkaUp({ registry, dataDir })).toEqual({ broker: first.broker, alreadyUp: true })
    expect(await standingKafkaUp({ registry })).toEqual({ broker: first.broker, alreadyUp: true })
    expect(await standingKafkaStatus({ registry })).toEqual([{ ...first.broker, answering: true }])

    expect(await standingKafkaDown({ registry, dataDir: join(directory, 'other') })).toEqual([])
    expect(await standingKafkaDown({ registry })).toEqual([first.broker])
    expect(await answers('127.0.0.1', port)).toBe(false)
    expect(await standingKafkaStatus({ registry })).toEqual([])
    expect(await standingKafkaDown({ registry })).toEqual([])
  } finally {
    await standingKafkaDown({ registry })
    await rm(directory, { recursive: true, force: true })
  }
})
