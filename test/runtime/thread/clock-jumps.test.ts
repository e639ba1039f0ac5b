import { expect, it } from 'vitest'
import { countingPlan } from '../../support/counting-plan.ts'
import { IDLE_INPUTS, IDLE_OUTPUTS, idlePlan } from '../../support/idle-topology.ts'
import { MemoryApp } from '../../support/memory-app.ts'

const HOUR_MS = 3_600_000
const JUMPS = [-3 * HOUR_MS, 7 * HOUR_MS, -26 * HOUR_MS, 1, 48 * HOUR_MS]

it.each([
  ['stands', []],
  ['jumps by hours, back and forward', JUMPS],
])('commits, outputs and wall-clock punctuators continue as usual while the wall clock %s', async (_name, jumps) => {
  let fired = 0
  const app: MemoryApp = new MemoryApp({
    plan: countingPlan({
      onInit: (context) =>
        context.schedule(1000, 'wall-clock-time', (timestamp) => {
          fired++
          expect(timestamp).toBe(app.time.now())
        }),
    }),
    topics: { in: 1, out: 1 },
  })
  await app.start()
  await app.drained('in')
  for (let i = 0; i < 10; i++) {
    app.time.jumpWallClock(jumps[i % JUMPS.length] ?? 0)
    app.produce('in', 'a', 'x', { timestamp: i })
    const before = app.time.monotonic()
    await app.drained('in')
    expect(app.time.monotonic() - before).toBeLessThan(1000)
    await app.time.pass(1000 - (app.time.monotonic() - before))
  }
  expect(app.lines('out')).toEqual(Array.from({ length: 10 }, (_, i) => `a=${i + 1}`))
  expect(fired).toBe(10)
  await app.instance.close()
  expect(await app.instance.stopped).toBeNull()
  expect(app.recovered).toEqual([])
})

it('idle windows are closed after their idle time, whatever the wall clock does', async () => {
  const app = new MemoryApp({
    plan: idlePlan({ afterMs: 1000 }),
    topics: Object.fromEntries([...IDLE_INPUTS, ...IDLE_OUTPUTS].map((topic) => [topic, 1])),
  })
  await app.start()
  app.produce('in', '0a', 'x', { timestamp: 500 })
  await app.drained('in')
  app.time.jumpWallClock(5 * HOUR_MS)
  await app.time.pass(300)
  expect(app.lines('finals')).toEqual([])
  app.time.jumpWallClock(-20 * HOUR_MS)
  await app.time.pass(2000)
  expect(app.lines('finals')).toEqual(['0a=0:1'])
  await app.instance.close()
})
