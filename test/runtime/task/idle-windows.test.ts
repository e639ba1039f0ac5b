import { afterEach, describe, expect, it } from 'vitest'
import { memoryBackends } from '../../../state/backends/memory.ts'
import { CommitFailedError, CommitUnknownError } from '../../../state/ports/errors.ts'
import { StreamsBuilder, serdes, timeWindows } from '../../../topology/index.ts'
import { IDLE_INPUTS, IDLE_OUTPUTS, idlePlan, JOIN_TICKS, WINDOW_TICKS } from '../../support/idle-topology.ts'
import { MemoryApp } from '../../support/memory-app.ts'

const TOPICS = { in: 2, left: 2, right: 2, finals: 2, sessions: 2, pairs: 2 }

let app: MemoryApp
afterEach(async () => {
  await app.instance.close()
})

async function start(afterMs: number | null, caching = false): Promise<MemoryApp> {
  app = new MemoryApp({ plan: idlePlan({ afterMs, caching }), topics: TOPICS })
  await app.start()
  return app
}

/** `key` begins with the number of its partition. */
function put(topic: string, key: string, timestamp: number): void {
  app.produce(topic, key, `${topic}${timestamp}`, { timestamp, partition: Number(key[0]) })
}

/** Everything produced so far is processed, and its results are committed. */
async function drained(): Promise<void> {
  for (const topic of IDLE_INPUTS) for (const partition of [0, 1]) await app.drained(topic, partition)
}

function outputs(): Record<string, string[]> {
  return Object.fromEntries(
    IDLE_OUTPUTS.map((topic) => [
      topic,
      app.records(topic).map(({ key, value, timestamp }) => `${key}=${value}@${timestamp}`),
    ]),
  )
}

/** All inputs once more from the beginning into empty stores. Answers what came out of that. */
async function replay(
  sources: readonly string[] = IDLE_INPUTS,
  alsoEmptied: readonly string[] = [],
): Promise<Record<string, string[]>> {
  await app.instance.close()
  const { cluster } = app
  for (const topic of cluster.topicNames) {
    // Emptied, so that what is there afterwards is the replay's.
    if (!topic.endsWith('-changelog') && ![...IDLE_OUTPUTS, ...alsoEmptied].some((name) => name === topic)) continue
    for (let partition = 0; partition < 2; partition++) {
      const log = cluster.log({ topic, partition })
      log.deleteBelow(log.highWatermark)
    }
  }
  app.disk = memoryBackends({ durable: true })
  const member = cluster.member('app')
  if (member === null) throw new Error('the app has no member')
  cluster.offsetCommit(
    { groupId: 'app', groupInstanceId: null, ...member },
    sources.flatMap((topic) => [0, 1].map((partition) => ({ topic, partition, offset: 0, metadata: '' }))),
  )
  await app.start()
  await drained()
  return outputs()
}

const tickTimes = (topic = WINDOW_TICKS): number[] => app.records(topic).map(({ timestamp }) => timestamp)

describe('windows without idle ticks', () => {
  it('keep the windows of a quiet partition open, as in Kafka Streams', async () => {
    await start(null)
    put('in', '0a', 100)
    put('left', '0a', 100)
    await drained()
    await app.time.pass(60_000)
    expect(outputs()).toEqual({ finals: [], sessions: [], pairs: [] })
    expect(app.cluster.topicNames.filter((name) => name.includes('idle'))).toEqual([])
  })
})

describe('idle windows', () => {
  it('close by ticks that are committed with their results', async () => {
    await start(50)
    put('in', '0a', 100)
    put('in', '1b', 5020)
    put('left', '0a', 100)
    put('right', '1b', 7000)
    await app.time.until('all closed', () => Object.values(outputs()).flat().length === 6)
    expect(outputs()).toEqual({
      finals: ['0a=0:1@100', '1b=5000:1@5020'],
      sessions: ['0a=100-100:1@100', '1b=5020-5020:1@5020'],
      pairs: ['0a=left100+null@100', '1b=null+right7000@7000'],
    })
    // Per partition: the session, then the tumbling window.
    expect(app.records(WINDOW_TICKS).map(({ value }) => JSON.parse(String(value)))).toEqual(
      Array.from({ length: 4 }, (_, i) => ({ positions: { [`in:${i < 2 ? 0 : 1}`]: 1 } })),
    )
    expect(app.records(JOIN_TICKS).map(({ value }) => JSON.parse(String(value)))).toEqual([
      { positions: { 'left:0': 1, 'right:0': 0 } },
      { positions: { 'left:1': 0, 'right:1': 1 } },
    ])
    expect(await app.metric('records_processed_total')).toBe(4)
  })

  it('commit nothing any more when no result is held back', async () => {
    await start(50)
    put('in', '0a', 100)
    await app.time.until('closed', () => outputs().finals?.length === 1)
    await app.time.pass(2000)
    const commits = app.writer.commits
    await app.time.pass(600_000)
    expect(app.writer.commits).toBe(commits)
  })

  it.each([false, true])('give the same results in a replay, ticks included (caching: %s)', async (caching) => {
    await start(50, caching)
    const hour = 3_600_000
    put('in', '0a', hour)
    put('in', '0a', hour + 20)
    put('in', '1b', 2 * hour)
    put('left', '0a', hour)
    await app.time.until('closed', () => Object.values(outputs()).flat().length === 5)
    // Late for the windows the ticks have closed; without the ticks they would be counted and joined.
    put('in', '0a', hour + 30)
    put('in', '1c', 2 * hour + 40)
    put('right', '0a', hour + 10)
    put('in', '0a', hour + 1500)
    put('right', '1b', hour)
    await app.time.until('closed again', () => Object.values(outputs()).flat().length === 9)
    await app.time.pass(5000)
    const live = outputs()
    expect(live).toEqual({
      finals: [`0a=${hour}:2@${hour + 20}`, `0a=${hour + 1000}:1@${hour + 1500}`, `1b=${2 * hour}:1@${2 * hour}`],
      sessions: [
        `0a=${hour}-${hour + 20}:2@${hour + 20}`,
        `0a=${hour + 1500}-${hour + 1500}:1@${hour + 1500}`,
        `1b=${2 * hour}-${2 * hour}:1@${2 * hour}`,
      ],
      // The store decides what a closed join window may still match, in Kafka Streams, too.
      pairs: [`0a=left${hour}+null@${hour}`, expect.stringContaining('0a='), `1b=null+right${hour}@${hour}`],
    })
    const ticks = tickTimes()
    expect(await replay()).toEqual(live)
    await app.time.pass(10_000)
    expect(outputs()).toEqual(live)
    expect(tickTimes()).toEqual(ticks)
  })

  it('give other results in a replay without the recorded ticks', async () => {
    await start(50)
    put('in', '0a', 0)
    await app.time.until('closed', () => outputs().finals?.length === 1)
    put('in', '0a', 10)
    await drained()
    await app.time.pass(5000)
    const live = outputs()
    expect(live.finals).toEqual(['0a=0:1@0'])
    const log = app.cluster.log({ topic: WINDOW_TICKS, partition: 0 })
    log.deleteBelow(log.highWatermark)
    await replay()
    await app.time.until('closed', () => outputs().finals?.length === 1)
    expect(outputs().finals).toEqual(['0a=0:2@10'])
  })

  it("process a record that arrives during the tick's commit after the tick, in a replay too", async () => {
    await start(50)
    put('in', '0a', 0)
    let raced = false
    app.writer.before = async ({ batch }) => {
      if (raced || tickTimes().length === 0 || batch.records === 0) return
      raced = true
      put('in', '0a', 5)
    }
    await app.time.until('closed', () => outputs().finals?.length === 1)
    await drained()
    await app.time.pass(5000)
    expect(raced).toBe(true)
    const live = outputs()
    expect(live.finals).toEqual(['0a=0:1@0'])
    expect(await replay()).toEqual(live)
  })

  it('ignore a tick whose commit failed: the next one closes the windows', async () => {
    await start(50)
    put('in', '0a', 0)
    await drained()
    let failed = 0
    app.writer.before = async () => {
      if (++failed <= 2) throw new CommitFailedError('on purpose')
    }
    await app.time.until('closed', () => outputs().finals?.length === 1)
    await app.time.pass(5000)
    expect(failed).toBeGreaterThan(2)
    const live = outputs()
    expect(live).toEqual({ finals: ['0a=0:1@0'], sessions: ['0a=0-0:1@0'], pairs: [] })
    expect(await replay()).toEqual(live)
  })

  it('count a tick once when its commit succeeded without a reply', async () => {
    await start(50)
    put('in', '0a', 0)
    await drained()
    let unknown = 0
    app.writer.after = async () => {
      if (++unknown <= 2) throw new CommitUnknownError('on purpose')
    }
    await app.time.until('closed', () => outputs().finals?.length === 1)
    put('in', '0a', 10)
    await drained()
    await app.time.pass(5000)
    expect(unknown).toBeGreaterThan(2)
    const live = outputs()
    expect(live).toEqual({ finals: ['0a=0:1@0'], sessions: ['0a=0-0:1@0'], pairs: [] })
    expect(await replay()).toEqual(live)
  })

  it('stay closed after a restart, and windows that were open then close', async () => {
    await start(50)
    put('in', '0a', 0)
    await app.time.until('the session is closed', () => outputs().sessions?.length === 1)
    await app.restart()
    put('in', '0a', 0)
    await app.time.until('the window is closed', () => outputs().finals?.length === 1)
    await app.restart()
    put('in', '0a', 20)
    await drained()
    await app.time.pass(5000)
    const live = outputs()
    // The second record came to a closed session and an open window, the third to closed ones.
    expect(live).toEqual({ finals: ['0a=0:2@0'], sessions: ['0a=0-0:1@0'], pairs: [] })
    expect(await replay()).toEqual(live)
  })

  it('stop the application when something else is in the topic of ticks', async () => {
    await start(50)
    await app.instance.close()
    app.produce(WINDOW_TICKS, null, 'not a tick', { timestamp: 5 })
    await app.start()
    expect(String(await app.instance.stopped)).toContain(`offset 0 of ${WINDOW_TICKS}-0 is not an idle tick`)
  })

  it('ignore ticks after a repartition topic when the offsets are lost, because its records are others now', async () => {
    const builder = new StreamsBuilder({ closeWindowsWhenIdle: { afterMs: 50 } })
    const text = { keySerde: serdes.string, valueSerde: serdes.string }
    builder
      .stream<string, string>('in', text)
      .groupBy((_key, value) => value, { name: 'by-value', ...text })
      .windowedBy(timeWindows({ sizeMs: 1000 }))
      .count({ materialized: { name: 'counts' } })
      .suppress({ until: 'window-closes', name: 'final' })
      .toStream()
      .map(({ key, window }, count) => [key, `${window.start}:${count}`])
      .to('finals', text)
    const repartition = 'app-by-value-repartition'
    app = new MemoryApp({ plan: builder.build().build({ applicationId: 'app' }), topics: TOPICS })
    await app.start()
    for (const timestamp of [0, 10, 5000]) app.produce('in', 'k', 'v', { timestamp })
    await app.time.until('closed', () => outputs().finals?.length === 2)
    const live = outputs().finals
    expect(live).toEqual(['v=0:2@10', 'v=5000:1@5000'])
    expect(tickTimes().length).toBe(1)
    await replay([...IDLE_INPUTS, repartition], [repartition])
    await app.time.until('closed again', () => outputs().finals?.length === 2)
    expect(outputs().finals).toEqual(live)
  })

  it('close although another source lost its records', async () => {
    await start(50)
    put('left', '0a', 0)
    put('right', '0b', 10)
    await app.time.until('closed', () => outputs().pairs?.length === 2)
    put('left', '0c', 5000)
    await app.time.until('closed', () => outputs().pairs?.length === 3)
    const { cluster } = app
    const log = cluster.log({ topic: 'right', partition: 0 })
    log.deleteBelow(log.highWatermark)
    expect((await replay()).pairs).toEqual(['0a=left0+null@0', '0c=left5000+null@5000'])
  })
})
