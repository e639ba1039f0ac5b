import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { ReplayOptions } from '../../../../infra/streams/replay/replay.ts'
import { CORE_PROCESSORS } from '../../../../processors/processor-names.ts'
import type { LogWriter } from '../../../../runtime/ports/log.ts'
import { partitionForKey } from '../../../../runtime/task/partitioner.ts'
import { AppProcess } from '../../../support/app-process.ts'
import { endsOf, type TestRecord } from '../../../support/kafka-log.ts'
import { runInProcess } from '../../../support/run-in-process.ts'
import { ReplayedRides, RIGHT, rebuilt, touched } from './replayed-rides.ts'

/*
 * A replay fills the stores of new processors and corrects wrong rows anywhere, also when it dies half way.
 */

const APPLICATION_ID = 'replay-test'

let life: ReplayedRides

beforeAll(async () => {
  life = await ReplayedRides.begin(APPLICATION_ID)
})

afterAll(() => life?.end())

const wrong = (text: string): string => text.replace(/\d(?=\D*$)/, (digit) => String((Number(digit) + 1) % 10))

/** A wrong value, a stray row and a deletion in every table, a wrong end and a missing record in streams of events. */
async function plantEverywhere(): Promise<void> {
  const rows: TestRecord[] = []
  for (const topic of rebuilt(life.plan).topics) {
    const [first, second] = [...(await life.latest(topic)).values()]
    if (first === undefined) continue
    const { key, value, partition } = first
    if (topic === 'driver.cell.changed') {
      const { cell } = JSON.parse(value) as { cell: string }
      const change = { ...JSON.parse(value), previousCell: cell, cell: '8928308280fffff' }
      rows.push({ topic, partition, key, value: JSON.stringify(change) })
    } else if (topic !== 'trip.offers') {
      rows.push({ topic, partition, key, value: wrong(value) })
      if (second !== undefined) rows.push({ topic, partition: second.partition, key: second.key, value: null })
      if (topic !== 'analytics.cell_demand') rows.push({ topic, partition: 0, key: 'stray', value: '{}' })
    }
  }
  await life.plant(rows)
}

it('a replay fills the stores and outputs of new processors, and then finds no difference', async () => {
  await life.run(900, { PROCESSORS: CORE_PROCESSORS.join(',') })
  const refused = await runInProcess(['replay'], life.env)
  expect([refused.code, refused.stdout]).toEqual([1, ''])
  expect(refused.stderr).toMatch(
    /^ride-streams: replay-test is running \(1 in the group, on [\d.]+\): stop all [^\n]+\n$/,
  )
  await life.stop()
  const before = await endsOf(life.rides.cluster, rebuilt(life.plan).outputs)
  const dry = JSON.parse((await runInProcess(['replay', '--dry-run', '--json'], life.env)).stdout) as {
    records: number
    gone: []
  }
  expect(dry).toMatchObject({
    records: 900,
    gone: [],
    rows: expect.arrayContaining([{ topic: 'trip.started', partitions: 3, records: expect.any(Number) }]),
  })
  expect((await life.admin.describeTopics([life.log('trip-funnel')])).size).toBe(0)
  const outcomes = await life.replay()
  expect(touched(outcomes)).toEqual(
    [
      ...['trip-history', 'cell-demand', 'trip-funnel', 'driver-earnings'].map((store) => life.log(store)),
      ...['trip.offers', 'analytics.trip_funnel', 'driver.earnings'],
    ].sort(),
  )
  expect(await life.judged()).toEqual(RIGHT)
  const after = await endsOf(life.rides.cluster, rebuilt(life.plan).outputs)
  expect(touched(await life.replay())).toEqual([])
  expect([before.length, await endsOf(life.rides.cluster, rebuilt(life.plan).outputs)]).toEqual([after.length, after])
})

it('a replay corrects every store and output, also after it died half way; until it has finished the application does not start', async () => {
  await life.stopped()
  await life.run(300)
  await life.stop()
  expect(touched(await life.replay())).toEqual([])
  const [tripId, row] = [...(await life.latest(life.log('trip-state')))][5] ?? ['', null]
  await corruptLocalStore(tripId)
  await closeWindows()
  await life.replay()
  expect((await life.latest('analytics.cell_demand')).size).toBeGreaterThan(20)
  await plantEverywhere()
  const planted = (await life.judged()).differences
  expect(new Set(planted.map((text) => text.split(' ')[0])).size).toBeGreaterThan(11)

  await expect(life.replay({ batchBytes: 500, writer: dyingWriter(3) })).rejects.toThrow('died')
  await expect(AppProcess.start(life.env)).rejects.toThrow(
    /the replay of replay-test begun at [^ ]+Z is not finished: run ride-streams replay again/,
  )
  expect((await life.judged()).differences.length).toBeLessThan(planted.length)
  const { code, stdout, stderr } = await runInProcess(['replay'], life.env)
  expect([code, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/^trip\.state +output +\d+ +\d+ +\d+$/m)
  expect(await life.judged()).toEqual(RIGHT)
  expect(touched(await life.replay())).toEqual([])

  await life.run(300)
  expect(await atTrip(tripId)).toMatchObject({ tripId })
  expect((await life.latest(life.log('trip-state'))).get(tripId)).toEqual(row)
  expect(await life.judged()).toMatchObject({ differences: [] })
  await life.stop()
})

async function atTrip(tripId: string): Promise<unknown> {
  return (await fetch(`${life.app.url}/trips/${encodeURIComponent(tripId)}`)).json()
}

/** Simulates a failed machine: the disk differs from the changelog. */
async function corruptLocalStore(tripId: string): Promise<void> {
  const count = (await life.admin.describeTopics([life.log('trip-state')])).get(life.log('trip-state'))?.partitions ?? 0
  const path = join(life.rides.directory, APPLICATION_ID, `0_${partitionForKey(tripId, count)}`, 'trip-state')
  const level = new ClassicLevel<string, Buffer>(path, { valueEncoding: 'buffer' })
  await level.open()
  expect(await level.get(tripId)).toBeDefined()
  await level.del(tripId)
  await level.close()
}

/** Simulates a long quiet time: windows are closed up to noon. */
async function closeWindows(): Promise<void> {
  const topic = `${APPLICATION_ID}-cell-demand-repartition`
  const group = { groupId: APPLICATION_ID, memberId: '', generation: -1, groupInstanceId: null }
  const writer = life.rides.cluster.writer({ transactionalId: null })
  await writer.init()
  const marked = (await life.offsets())
    .filter((at) => at.topic === topic)
    .map((at) => {
      const [time, marks = '{}'] = at.metadata.split(' ')
      const closed = { ...JSON.parse(marks), '$windows.closed': Date.UTC(2019, 2, 1, 12) }
      return { ...at, metadata: `${time} ${JSON.stringify(closed)}` }
    })
  await writer.commit({ batch: writer.newBatch(), offsets: marked, group: () => group })
  await writer.close()
}

/** A writer whose process dies before it sends its nth transaction with records. */
function dyingWriter(nth: number): ReplayOptions['writer'] {
  return (transactionalId) => {
    const writer: LogWriter = life.rides.cluster.writer({ transactionalId })
    if (transactionalId === null) return writer
    let commits = 0
    return {
      init: () => writer.init(),
      newBatch: () => writer.newBatch(),
      close: () => writer.close(),
      commit: (request) => (++commits < nth ? writer.commit(request) : Promise.reject(new Error('died'))),
    }
  }
}
