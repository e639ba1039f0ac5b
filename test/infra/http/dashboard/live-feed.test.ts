import { PassThrough } from 'node:stream'
import { expect, it } from 'vitest'
import { FlowReadings } from '../../../../infra/http/dashboard/flow-readings.ts'
import { LiveFeed, type SectionSource } from '../../../../infra/http/dashboard/live-feed.ts'
import { createLogger } from '../../../../infra/logging/logger.ts'

const logger = createLogger({ level: 'silent' })
const flow = async () =>
  new FlowReadings().read({ state: () => 'RUNNING', plan: () => null, brokers: () => ({ known: [], silent: [] }) }, [])

/** A section that reports each reading and its rest. */
function watched(everyMs = 1) {
  const read = { count: 0, next: Promise.withResolvers<void>() }
  const rest = { count: 0, next: Promise.withResolvers<void>() }
  const count = (what: typeof read): void => {
    what.count++
    what.next.resolve()
    what.next = Promise.withResolvers()
  }
  const section: SectionSource = {
    name: 'letters',
    everyMs,
    read: async () => {
      count(read)
      return []
    },
    rest: async () => count(rest),
  }
  return { read, rest, section }
}

it('the feed reads while a viewer watches, stops when none does, and starts again', async () => {
  const { read, rest, section } = watched()
  const feed = new LiveFeed({ flow, sections: [section], aboutMissingStores: '', logger })
  const [one, two] = [new PassThrough(), new PassThrough()]
  feed.join(one.resume())
  await read.next.promise
  feed.join(two.resume())
  one.destroy()
  await read.next.promise
  expect(rest.count).toBe(0)
  two.destroy()
  await rest.next.promise
  const { count } = read
  feed.join(new PassThrough().resume())
  await read.next.promise
  expect(read.count).toBe(count + 1)
  await feed.close()
})

it('a section that hangs delays neither the other sections nor the end', async () => {
  const { read, section } = watched()
  const hang = Promise.withResolvers<[]>()
  const hanging: SectionSource = {
    name: 'tasks',
    everyMs: 1,
    read: () => hang.promise,
    rest: async () => hang.resolve([]),
  }
  const feed = new LiveFeed({ flow, sections: [hanging, section], aboutMissingStores: '', logger })
  feed.join(new PassThrough().resume())
  await read.next.promise
  await read.next.promise
  await feed.close()
})

it('a failed section keeps its last data with the reason, and continues later', async () => {
  let reads = 0
  const section: SectionSource = {
    name: 'letters',
    everyMs: 1,
    read: async () => {
      if (++reads === 2) throw new Error('a secret')
      return [{ letter: `0:${reads}`, diedAt: 0, source: null, key: null, exception: '', message: '' }]
    },
  }
  const feed = new LiveFeed({ flow, sections: [section], aboutMissingStores: '', logger })
  const viewer = new PassThrough({ encoding: 'utf8' })
  feed.join(viewer)
  let text = ''
  for await (const chunk of viewer) {
    text += chunk
    if (text.includes('0:3')) break
  }
  await feed.close()
  const letters = [...text.matchAll(/event: letters\ndata: (.*)/g)].map(([, data]) => JSON.parse(data ?? ''))
  expect(letters.slice(0, 3)).toMatchObject([
    { data: [{ letter: '0:1' }], problem: null },
    { data: [{ letter: '0:1' }], problem: 'internal error, see the log' },
    { data: [{ letter: '0:3' }], problem: null },
  ])
})
