import { expect, it } from 'vitest'
import { memoryBackends } from '../../state/backends/memory.ts'
import { backendOptions, createStore } from '../../state/create-store.ts'
import type { BackendFactory, KeyRange } from '../../state/ports/backend.ts'
import { NO_HEADERS } from '../../state/ports/headers.ts'
import type { KeyValueStore } from '../../state/ports/stores.ts'
import { stringSerde } from '../../topology/serdes.ts'
import { keyValueStore } from '../../topology/stores.ts'

const SPEC = { ...keyValueStore({ name: 's', keySerde: stringSerde, valueSerde: stringSerde }), serdeTopic: 'log' }
const context = { streamTime: () => 7, recordTimestamp: () => 7, recordHeaders: () => NO_HEADERS }

async function opened(backends: BackendFactory): Promise<KeyValueStore<string, string>> {
  const store = createStore(SPEC, await backends.open('0_0', 's', backendOptions(SPEC)), context)
  return store.api as KeyValueStore<string, string>
}

it('a prefix is written for the topic of the keys, and what is neither bytes nor text is refused by name', async () => {
  const rows = await opened(memoryBackends())
  rows.put('97,1', 'not found by the text of the bytes 97')
  const topics: string[] = []
  const scan = (written: unknown) => {
    const serialize = (topic: string) => {
      topics.push(topic)
      return written as string
    }
    return [...rows.prefixScan('a', { name: 'of prefixes', serialize })]
  }
  expect(scan('97').map(([key]) => key)).toEqual(['97,1'])
  const wrong = [new Uint8Array([97]), Promise.resolve('a'), null]
  for (const [i, kind] of ['a Uint8Array', 'a Promise', 'null'].entries()) {
    const reason = `serialize() must return a Buffer or a string, not ${kind}`
    const message = `store s: serde of prefixes cannot serialise a key for log: ${reason}`
    expect(() => scan(wrong[i])).toThrow(message)
  }
  expect(new Set(topics)).toEqual(new Set(['log']))
})

it('a backend is asked for keys between binary strings', async () => {
  const asked: KeyRange[] = []
  const below = memoryBackends()
  const rows = await opened({
    ...below,
    async open(...args) {
      const backend = await below.open(...args)
      const keys = backend.keys.bind(backend)
      backend.keys = (range) => {
        asked.push(range)
        return keys(range)
      }
      return backend
    },
  })
  expect([...rows.prefixScan('ab', stringSerde)]).toEqual([])
  expect(asked).toEqual([{ from: 'ab', to: 'ac' }])
})
