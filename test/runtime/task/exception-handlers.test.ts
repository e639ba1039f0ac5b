import { describe, expect, it } from 'vitest'
import type { ExceptionHandlerFunction } from '../../../runtime/instance/streams-config.ts'
import { TopologyTestDriver } from '../../../runtime/memory/test-driver.ts'
import { StreamsBuilder, serdes } from '../../../topology/index.ts'
import { MemoryApp } from '../../support/memory-app.ts'

/** Throws for a value that is `bad`, as long as `isBroken` says so. */
function throwing(isBroken: () => boolean = () => true) {
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
  builder
    .stream<string, string>('in')
    .mapValues((value) => {
      if (value === 'bad' && isBroken()) throw new Error('no such value')
      return value.toUpperCase()
    })
    .to('out')
  return builder.build().build({ applicationId: 'app' })
}

function outputOf(driver: TopologyTestDriver): (string | null)[] {
  return driver
    .outputTopic('out', serdes.string, serdes.string)
    .readRecords()
    .map(({ value }) => value)
}

describe('an exception handler that is a function', () => {
  it('gets the error and the record once, and decides', () => {
    const asked: unknown[] = []
    const handler: ExceptionHandlerFunction = (error, { topic, partition, offset, key, value }) => {
      asked.push([error.message, topic, partition, offset, String(key), String(value)])
      return String(key) === 'drop' ? 'continue' : 'dead-letter'
    }
    const driver = new TopologyTestDriver(throwing(), { config: { processingExceptionHandler: handler } })
    const input = driver.inputTopic('in', serdes.string, serdes.string)
    input.pipeInput('a', 'good', 1)
    input.pipeInput('drop', 'bad', 2)
    input.pipeInput('keep', 'bad', 3)
    expect(asked).toEqual([
      ['no such value', 'in', 0, 1, 'drop', 'bad'],
      ['no such value', 'in', 0, 2, 'keep', 'bad'],
    ])
    expect(outputOf(driver)).toEqual(['GOOD'])
    expect(driver.readOutput('app.dlq').map(({ key }) => String(key))).toEqual(['keep'])
  })

  it('decides about input that cannot be read, too', () => {
    const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.int64 })
    builder.stream<string, number>('in').to('out')
    const errors: string[] = []
    const driver = new TopologyTestDriver(builder.build().build({ applicationId: 'app' }), {
      config: {
        deserializationExceptionHandler: (error, { offset }) => {
          errors.push(`${offset} ${error.name}`)
          return 'continue'
        },
      },
    })
    driver.pipeInput('in', { key: Buffer.from('k'), value: Buffer.from('x'), timestamp: 1 })
    expect(errors).toEqual([expect.stringMatching(/^0 /)])
    expect(driver.outputTopics).toEqual([])
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('out of order')
      },
      'the processing exception handler failed: out of order',
    ],
    ['answers something else', () => 'skip', 'the processing exception handler answered'],
    ['answers fail', () => 'fail', 'no such value'],
  ] as [string, () => never, string][])('stops the task when it %s', (_what, handler, message) => {
    const driver = new TopologyTestDriver(throwing(), { config: { processingExceptionHandler: handler } })
    const input = driver.inputTopic('in', serdes.string, serdes.string)
    expect(() => input.pipeInput('k', 'bad', 1)).toThrow(message)
  })

  it('has the record tried again after a while when it says retry', async () => {
    let failures = 0
    const app = new MemoryApp({
      plan: throwing(() => failures < 3),
      topics: { in: 1, out: 1 },
      config: {
        processingExceptionHandler: () => {
          failures++
          return 'retry'
        },
      },
    })
    await app.start()
    app.produce('in', 'k', 'bad')
    await app.drained('in')
    expect(failures).toBe(3)
    expect(app.lines('out')).toEqual(['k=BAD'])
    await app.instance.close()
    expect(await app.instance.stopped).toBeNull()
  })
})
