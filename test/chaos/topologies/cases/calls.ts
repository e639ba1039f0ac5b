import { type ChaosCase, ofTopic } from '../chaos-case.ts'

const SLOWEST_MS = 30

/** Asynchronous calls that take their time and now and then fail at first. A record that is not answered yet is a row of `ask-calls`. */
export const CALLS: ChaosCase = {
  name: 'calls',
  inputs: ['calls-in'],
  outputs: ['calls-out'],
  add(builder) {
    builder
      .stream<string, number>('calls-in')
      .mapAsync(
        async (n, _key, { attempt }) => {
          await new Promise((resolve) => setTimeout(resolve, n % SLOWEST_MS))
          if (attempt === 1 && n % 7 === 0) throw new Error('the first attempt fails on purpose')
          return { answer: n }
        },
        { name: 'ask', concurrency: 8, retry: { attempts: 3, backoffMs: 5 } },
      )
      .to('calls-out')
  },
  record: (random, timestamp) => ({
    topic: 'calls-in',
    key: `key-${random.below(40)}`,
    value: random.below(1e9),
    timestamp,
  }),
  expected: (input) => ({
    events: { 'calls-out': ofTopic<number>(input, 'calls-in').map(({ key, value }) => `${key} {"answer":${value}}`) },
  }),
  stores: () => ({ 'ask-calls': new Map() }),
}
