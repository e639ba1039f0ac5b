import { describe, expect, it } from 'vitest'
import { RetriableError, StreamsConfigError } from '../../../state/ports/errors.ts'
import type { SerdeUse } from '../../../state/ports/serde.ts'
import { type Serde, StreamsBuilder, serdes } from '../../../topology/index.ts'
import { MemoryApp } from '../../support/memory-app.ts'

const MINUTE = 60_000

/** Text in a language that has to be learnt before it is read: `language:text`. */
class LanguageSerde implements Serde<string> {
  readonly known = new Set<string>()
  readonly prepared: string[] = []
  /** Awaited for each language that is not known; throw to fail. */
  learn: (language: string) => Promise<void> = async () => undefined
  beforePrepare: () => Promise<void> = async () => undefined

  serialize(_topic: string, value: string): string {
    return `en:${value}`
  }

  deserialize(_topic: string, bytes: Buffer): string {
    const [language = '', text = ''] = bytes.toString().split(':')
    if (!this.known.has(language)) throw new Error(`nobody knows ${language}`)
    return `${text} (${language})`
  }

  async prepare(topic: string, use: SerdeUse): Promise<void> {
    await this.beforePrepare()
    this.known.add('en')
    this.prepared.push(`${use} ${topic}`)
  }

  prepareRecords(_topic: string, records: readonly Buffer[]): Promise<void> | null {
    const languages = new Set(records.map((bytes) => bytes.toString().split(':')[0] as string))
    const missing = [...languages].filter((language) => !this.known.has(language))
    if (missing.length === 0) return null
    return (async () => {
      for (const language of missing) {
        await this.learn(language)
        this.known.add(language)
      }
    })()
  }
}

async function started(serde: LanguageSerde): Promise<MemoryApp> {
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string })
  builder.stream('in', { valueSerde: serde }).to('out', { valueSerde: serdes.string })
  const plan = builder.build().build({ applicationId: 'app' })
  const config = { taskTimeoutMs: 5 * MINUTE, deserializationExceptionHandler: 'continue' } as const
  const app = new MemoryApp({ plan, topics: { in: 2, out: 2 }, config })
  await app.start()
  return app
}

const sorted = (app: MemoryApp): string[] => app.lines('out').sort()

describe('records whose serde lacks something', () => {
  it('wait for it in order, while other partitions go on', async () => {
    const serde = new LanguageSerde()
    const { promise: french, resolve } = Promise.withResolvers<void>()
    serde.learn = (language) => (language === 'fr' ? french : Promise.resolve())
    const app = await started(serde)
    app.produce('in', 'a', 'en:one')
    app.produce('in', 'a', 'fr:deux')
    await app.time.pass(100)
    app.produce('in', 'a', 'en:three')
    app.produce('in', 'b', 'en:four', { partition: 1 })
    await app.drained('in', 1)
    expect(app.lines('out')).toEqual(['b=four (en)'])
    resolve()
    await app.drained('in', 0)
    expect(sorted(app)).toEqual(['a=deux (fr)', 'a=one (en)', 'a=three (en)', 'b=four (en)'])
    expect(app.recovered).toEqual([])
    // Nothing is missing any more, and nothing waits.
    app.produce('in', 'a', 'fr:cinq')
    await app.drained('in', 0)
    expect(sorted(app)).toContain('a=cinq (fr)')
    await app.instance.close()
  })

  it('wait for what answers later, and the log says why', async () => {
    const serde = new LanguageSerde()
    let isDown = true
    serde.learn = async () => {
      if (isDown) throw new RetriableError('SCHEMA_REGISTRY', 'the registry does not answer')
    }
    const app = await started(serde)
    app.produce('in', 'a', 'en:one')
    await app.time.pass(MINUTE)
    expect(app.recovered.length).toBeGreaterThan(10)
    expect(new Set(app.recovered.map(({ message }) => message))).toEqual(new Set(['the registry does not answer']))
    expect(app.lines('out')).toEqual([])
    isDown = false
    await app.drained('in', 0)
    expect(app.lines('out')).toEqual(['a=one (en)'])
    await app.instance.close()
  })

  it('stop the thread after TASK_TIMEOUT_MS', async () => {
    const serde = new LanguageSerde()
    serde.learn = async () => {
      throw new RetriableError('SCHEMA_REGISTRY', 'the registry does not answer')
    }
    const app = await started(serde)
    app.produce('in', 'a', 'en:one')
    await app.time.until('stopped', () => app.instance.state() === 'ERROR', 10 * MINUTE)
    expect(await app.instance.stopped).toMatchObject({
      code: 'TASK_TIMEOUT',
      message: 'partition in:0 made no progress for 300000 ms (taskTimeoutMs): the registry does not answer',
    })
  })

  it('are bad records when it cannot be had at all', async () => {
    const serde = new LanguageSerde()
    serde.learn = async (language) => {
      if (language === 'xx') throw new Error('no such language')
    }
    const app = await started(serde)
    app.produce('in', 'a', 'xx:one')
    app.produce('in', 'a', 'en:two')
    serde.known.add('en')
    await app.drained('in', 0)
    expect(app.lines('out')).toEqual(['a=two (en)'])
    await app.instance.close()
  })

  it('are forgotten when their partition goes to another instance', async () => {
    const serde = new LanguageSerde()
    const { promise: learnt, resolve } = Promise.withResolvers<void>()
    serde.learn = () => learnt
    const app = await started(serde)
    app.produce('in', 'a', 'en:one')
    await app.time.pass(100)
    await app.instance.close()
    await app.start()
    resolve()
    await app.drained('in', 0)
    expect(app.lines('out')).toEqual(['a=one (en)'])
    await app.instance.close()
  })
})

describe('serdes of what a task writes and keeps', () => {
  async function begun(serde: LanguageSerde): Promise<MemoryApp> {
    const builder = new StreamsBuilder({ defaultKeySerde: serdes.string })
    builder
      .stream('in', { valueSerde: serdes.string })
      .groupByKey()
      .reduce((_old, value) => value, { materialized: { name: 'last', valueSerde: serde } })
      .toStream()
      .to('out', { valueSerde: serde })
    const plan = builder.build().build({ applicationId: 'app' })
    const app = new MemoryApp({ plan, topics: { in: 1, out: 1 }, config: { taskTimeoutMs: 5 * MINUTE } })
    await app.start()
    return app
  }

  it('are prepared before the task is open; what answers later is asked again', async () => {
    const serde = new LanguageSerde()
    let isDown = true
    serde.beforePrepare = async () => {
      if (isDown) throw new RetriableError('SCHEMA_REGISTRY', 'the registry does not answer')
    }
    const app = await begun(serde)
    app.produce('in', 'a', 'one')
    await app.time.pass(1000)
    expect([serde.prepared, app.lines('out')]).toEqual([[], []])
    isDown = false
    await app.drained('in')
    expect(app.lines('out')).toEqual(['a=en:one (en)'])
    // Once more when the rows have been restored.
    expect(serde.prepared).toEqual(['write out', 'store app-last-changelog', 'store app-last-changelog'])
    await app.instance.close()
  })

  it('stop the instance when they never can be', async () => {
    const serde = new LanguageSerde()
    serde.beforePrepare = async () => {
      throw new StreamsConfigError('the schema is not compatible')
    }
    const app = await begun(serde)
    await app.time.until('stopped', () => app.instance.state() === 'ERROR')
    expect(await app.instance.stopped).toMatchObject({ message: 'the schema is not compatible' })
  })
})
