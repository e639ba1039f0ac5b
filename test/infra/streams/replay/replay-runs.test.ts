import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { CommittedOffset } from '../../../../runtime/ports/log.ts'
import { resultOf, spawnCli } from '../../../support/run-cli.ts'
import { runInProcess } from '../../../support/run-in-process.ts'
import { ReplayedRides, touched } from './replayed-rides.ts'

/*
 * How a replay may run: interrupted, to a moment, beside the application, without all of its input.
 */

const APPLICATION_ID = 'replay-runs'

let life: ReplayedRides

beforeAll(async () => {
  life = await ReplayedRides.begin(APPLICATION_ID)
})

afterAll(() => life?.end())

it('a replay stopped before it writes, by Ctrl-C or kill -9, has changed nothing', async () => {
  await life.stopped()
  const before = await life.offsets()
  const slow = spawnCli(['replay', '--rate', '200'], life.env)
  await untilScratch()
  slow.kill('SIGKILL')
  await once(slow, 'exit')
  await rm(scratch(), { recursive: true })
  const interrupted = spawnCli(['replay', '--rate', '200'], life.env)
  const ended = resultOf(interrupted)
  await untilScratch()
  interrupted.kill('SIGINT')
  expect(await ended).toMatchObject({ code: 1, stderr: 'ride-streams: interrupted: nothing was changed\n' })
  expect(await life.offsets()).toEqual(before)
  const abort = new AbortController()
  const comparing = life.replay({ signal: abort.signal, onProgress: (phase) => phase === 'comparing' && abort.abort() })
  await expect(comparing).rejects.toThrow('interrupted: nothing was changed')
  expect(await life.offsets()).toEqual(before)
})

it('a replay to a past time rebuilds that state; the next start continues from there', async () => {
  await life.stopped()
  const inputs = (await life.offsets()).filter(({ topic }) => !topic.startsWith(APPLICATION_ID))
  const toTime = Date.UTC(2019, 2, 1, 12)
  await life.replay({ toTime })
  const back = (await life.offsets()).filter(({ topic }) => !topic.startsWith(APPLICATION_ID))
  const sum = (all: readonly CommittedOffset[]) => all.reduce((total, { offset }) => total + offset, 0)
  expect(sum(back)).toBeLessThan(sum(inputs))
  expect(await life.judged()).toMatchObject({ differences: [] })
  await life.run(300)
  expect(await life.judged()).toMatchObject({ differences: [] })
})

it('a shadow replay finds differences beside the running application, and cuts over when the last instance has stopped', async () => {
  await life.running()
  const [first] = (await life.latest(life.log('driver-earnings'))).values()
  const { key = '', partition = 0 } = first ?? {}
  const compared = JSON.parse((await runInProcess(['replay', '--shadow', '--json'], life.env)).stdout) as {
    rows: unknown[]
    total: number
  }
  expect(compared).toMatchObject({ rows: [], total: 0 })
  await life.plant([{ topic: life.log('driver-earnings'), partition, key, value: '[1,1]' }])
  const child = spawnCli(['replay', '--shadow', '--cut-over', '--rate', '100000'], life.env)
  const ended = resultOf(child)
  await new Promise<void>((resolve) => {
    let told = ''
    child.stderr?.on('data', (text) => {
      told += text
      if (told.includes('stop all instances now')) resolve()
    })
  })
  expect(life.app.isRunning).toBe(true)
  await life.stop()
  const { code, stdout } = await ended
  expect(code).toBe(0)
  expect(stdout).toMatch(new RegExp(`^${life.log('driver-earnings')} +${key.replace('|', '\\|')} .*\\[1,1\\]$`, 'm'))
  expect(stdout).toMatch(/^1 row of the live stores differs from the shadow$/m)
  expect(await life.judged()).toMatchObject({ differences: [] })
  expect(touched(await life.replay())).toEqual([])
})

it('a replay refuses to run when retention has removed input, and says what would be missing; --accept-loss replays the rest', async () => {
  await life.stopped()
  const at = { topic: 'trip.accepted', partition: 1 }
  const [end = 0] = await life.admin.highWatermarks([at])
  await life.admin.deleteRecords([{ ...at, offset: end - 5 }])
  const { code, stdout, stderr } = await runInProcess(['replay'], life.env)
  expect([code, stdout]).toEqual([1, ''])
  expect(stderr).toContain(`ride-streams: retention has removed input (trip.accepted-1 below ${end - 5}): `)
  expect(stderr).toMatch(
    /would be missing from trip-state, trip-history, hourly-revenue, .*driver-earnings and from what follows/,
  )
  const outcomes = await life.replay({ acceptLoss: true, emit: 'none' })
  expect(outcomes.find(({ topic }) => topic === 'trip.state')).toMatchObject({
    differing: expect.any(Number),
    written: 0,
  })
  await life.replay({ acceptLoss: true })
  expect(await life.judged()).toMatchObject({ differences: [] })
})

const scratch = (): string => join(life.rides.directory, `${APPLICATION_ID}-replay`, '0_0')

/** A replay has begun to rebuild. */
async function untilScratch(): Promise<void> {
  while (!existsSync(scratch())) await new Promise((resolve) => setTimeout(resolve, 20))
}
