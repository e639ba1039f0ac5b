import { Writable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { frameOf, Viewers } from '../../../../infra/http/dashboard/viewers.ts'

/** A connection that takes nothing until the test lets it. */
class SlowConnection extends Writable {
  readonly taken: string[] = []
  #next: (() => void) | null = null
  blocked = true

  constructor() {
    super({ highWaterMark: 1, decodeStrings: false })
  }

  override _write(chunk: string, _encoding: string, done: () => void): void {
    this.taken.push(chunk)
    if (this.blocked) this.#next = done
    else done()
  }

  open(): void {
    this.blocked = false
    const next = this.#next
    this.#next = null
    next?.()
  }
}

function open(): SlowConnection {
  const connection = new SlowConnection()
  connection.open()
  return connection
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
const names = ({ taken }: SlowConnection) =>
  taken.map((text) => /event: (\S+)\ndata: (.*)\n\n/.exec(text)?.slice(1, 3).join(' '))

describe('Viewers', () => {
  it('send a new viewer the history and the latest of each section, and then only changes', async () => {
    const viewers = new Viewers(2)
    viewers.publish(frameOf('a', 1))
    viewers.publish(frameOf('a', 2))
    const viewer = open()
    viewers.join(viewer, [frameOf('history', [])])
    await settled()
    viewers.publish(frameOf('a', 2))
    viewers.publish(frameOf('b', 3))
    await settled()
    expect(names(viewer)).toEqual(['history []', 'a 2', 'b 3'])
  })

  it('let a slow viewer skip to the newest data, and delay nobody else', async () => {
    const viewers = new Viewers(2)
    const [slow, quick] = [new SlowConnection(), open()]
    viewers.join(slow, [])
    viewers.join(quick, [])
    for (let n = 1; n <= 50; n++) {
      viewers.publish(frameOf('a', n))
      viewers.publish(frameOf('b', -n))
      await settled()
    }
    expect(quick.taken).toHaveLength(100)
    expect(slow.writableLength).toBeLessThan(100)
    slow.open()
    await settled()
    expect(names(slow)).toEqual(['a 1', 'a 50', 'b -50'])
  })

  it('drop a viewer that reads nothing for half a minute', async () => {
    let now = 0
    const viewers = new Viewers(2, () => now)
    const slow = new SlowConnection()
    viewers.join(slow, [])
    viewers.publish(frameOf('a', 1))
    now = 29_000
    viewers.publish(frameOf('a', 2))
    expect(slow.destroyed).toBe(false)
    now = 31_000
    viewers.publish(frameOf('a', 3))
    await settled()
    expect([slow.destroyed, viewers.count]).toEqual([true, 0])
  })

  it('report when the first viewer comes, when they are full, and when the last has left', async () => {
    const viewers = new Viewers(2)
    const told: boolean[] = []
    viewers.onWatched = (isWatched) => told.push(isWatched)
    const [one, two] = [open(), open()]
    viewers.join(one, [])
    expect(viewers.isFull).toBe(false)
    viewers.join(two, [])
    expect(viewers.isFull).toBe(true)
    one.destroy()
    await settled()
    expect([viewers.isFull, told]).toEqual([false, [true]])
    two.destroy()
    await settled()
    expect(told).toEqual([true, false])
  })
})
