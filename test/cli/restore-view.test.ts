import { describe, expect, it } from 'vitest'
import { RestoreTally } from '../../cli/restore-tally.ts'
import { showRestores } from '../../cli/restore-view.ts'
import type { RestoreProgress, TaskStatus } from '../../runtime/ports/instance.ts'

function task(
  taskId: string,
  restore: readonly RestoreProgress[],
  state: TaskStatus['state'] = 'restoring',
): TaskStatus {
  return { taskId, state, thread: 0, partitions: [], restore }
}

const read = (partition: number, remaining: number, recordsPerSecond = 10): RestoreProgress => ({
  store: 'trips',
  partition,
  remaining,
  total: 100,
  recordsPerSecond,
})

describe('RestoreTally', () => {
  it('adds up the partitions, and keeps finished ones in the total until all have finished', () => {
    const tally = new RestoreTally()
    expect(tally.update([task('0_0', []), task('0_1', [], 'running')])).toBeNull()
    const other = { ...read(0, 50), store: 'hours' }
    expect(tally.update([task('0_0', [read(0, 80), other]), task('0_1', [read(1, 40)])])).toEqual({
      done: 130,
      total: 300,
      recordsPerSecond: 30,
      etaSeconds: 6,
      stores: new Map([
        ['trips', { done: 80, total: 200, recordsPerSecond: 20, etaSeconds: 6 }],
        ['hours', { done: 50, total: 100, recordsPerSecond: 10, etaSeconds: 5 }],
      ]),
    })
    expect(tally.update([task('0_0', [], 'running'), task('0_1', [read(1, 10)])])).toMatchObject({
      done: 290,
      total: 300,
      recordsPerSecond: 10,
      etaSeconds: 1,
    })
    expect(tally.update([task('0_0', [], 'running'), task('0_1', [], 'running')])).toBeNull()
    expect(tally.update([task('0_0', [read(0, 100, 0)])])).toMatchObject({ done: 0, total: 100, etaSeconds: null })
  })

  it('ignores standbys, whose restore never ends', () => {
    expect(new RestoreTally().update([task('0_0', [read(0, 80)], 'standby')])).toBeNull()
  })
})

describe('showRestores', () => {
  /** The text written while the instance reports these events, one after the other. */
  async function written(terminal: { isTTY: boolean; columns?: number }, told: readonly (readonly TaskStatus[])[]) {
    const ending = new AbortController()
    const texts: string[] = []
    let asked = 0
    const instance = {
      tasks: async () => {
        if (asked === told.length - 1) ending.abort()
        return told[asked++] ?? []
      },
    }
    await showRestores(instance, { ...terminal, write: (text) => texts.push(text) }, ending.signal)
    return texts
  }

  it('redraws one line, and removes it at the end', async () => {
    const restoring = [task('0_0', [read(0, 50)])]
    expect(await written({ isTTY: true, columns: 48 }, [restoring, restoring, [task('0_0', [], 'running')]])).toEqual([
      `\r\u001b[Krestoring ${'█'.repeat(5)}${' '.repeat(5)} 50 %  50 of 100  10/s  5 s\r`,
      '\r\u001b[K',
    ])
  })

  it('prints nothing without a terminal', async () => {
    expect(await written({ isTTY: false }, [[task('0_0', [read(0, 50)])], []])).toEqual([])
  })
})
