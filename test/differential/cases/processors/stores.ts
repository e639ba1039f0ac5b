import type { SessionStore, WindowStore } from '../../../../state/ports/stores.ts'
import type { Processor, ProcessorContext, StreamRecord } from '../../../../topology/index.ts'
import type { Text } from '../../values.ts'

/** Keeps each record in a window of its own second and answers with the key's last four seconds. */
export class Windows implements Processor<string, Text, string, string> {
  #context!: ProcessorContext<string, string>
  #windows!: WindowStore<string, string>

  init(context: ProcessorContext<string, string>): void {
    this.#context = context
    this.#windows = context.store('windows')
  }

  process(record: StreamRecord<string, Text>): void {
    const { key, value, timestamp } = record
    if (key === null) return
    const windows = this.#windows
    const start = timestamp - (timestamp % 1000)
    windows.put(key, value, start)
    const forwards = [...windows.fetchRange(key, start - 3000, start + 1000)].map(([at, row]) => `${at / 1000}${row} `)
    const backwards = [...windows.backwardFetchRange(key, start - 3000, start)].map(([at]) => `<${at / 1000}`)
    const answer = `${forwards.join('')}${backwards.join('')}=${windows.fetch(key, start - 1000)}`
    this.#context.forward({ ...record, value: answer })
  }
}

/** Merges sessions by hand: gap 1 s. */
export class Sessions implements Processor<string, Text, string, string> {
  #context!: ProcessorContext<string, string>
  #sessions!: SessionStore<string, string>

  init(context: ProcessorContext<string, string>): void {
    this.#context = context
    this.#sessions = context.store('sessions')
  }

  process(record: StreamRecord<string, Text>): void {
    const { key, value, timestamp } = record
    if (key === null || value === null) return
    const merged = [...this.#sessions.findSessions(key, timestamp - 1000, timestamp + 1000)]
    const start = Math.min(timestamp, ...merged.map(([{ window }]) => window.start))
    const end = Math.max(timestamp, ...merged.map(([{ window }]) => window.end))
    for (const [session] of merged) this.#sessions.remove(session)
    const all = merged.map(([, part]) => `${part}&`).join('') + value
    this.#sessions.put({ key, window: { start, end } }, all)
    const found = this.#sessions.fetchSession(key, start, end)
    this.#context.forward({ ...record, value: `${merged.length}:${start}-${end} ${found}` })
  }
}
