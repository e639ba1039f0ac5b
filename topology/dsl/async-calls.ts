import { StreamsTopologyError } from '../../state/ports/errors.ts'
import type { Serde } from '../../state/ports/serde.ts'
import type { KeyValueSpec } from '../../state/ports/store-spec.ts'
import type { AsyncAnswers, AsyncLimits, CallSettings } from '../async-call.ts'
import type { AsyncProcessor } from '../async-processor.ts'
import { validateName } from '../names.ts'
import { asyncCalls } from '../operators/async-calls.ts'
import { rowSerde, sequenceSerde } from '../operators/unanswered-row.ts'
import type { CallsPart } from '../topology-parts.ts'
import { connectStores } from './connect-stores.ts'
import type { StreamHandle } from './dsl.ts'
import type { GraphNode } from './graph.ts'
import type { AsyncOptions, ProcessOptions } from './types.ts'

/** Adds a node that asks outside of the topology, with the store of its unanswered records. */
export function asyncCallsNode<K, V, A, KR, VR>(
  { dsl: { graph }, node: parent, keySerde, valueSerde }: StreamHandle<K, V>,
  supplier: () => AsyncProcessor<K, V, A, KR, VR>,
  options: AsyncOptions<K, V, A>,
  stores: NonNullable<ProcessOptions['stores']>,
): GraphNode {
  const name = validateName(options.name)
  const settings = callSettings(name, options)
  const answers = answersOf(name, options.answers)
  const storeName = `${name}-calls`
  return graph.add(parent, {
    name,
    write(topology, parents) {
      const keys = graph.keySerde(options.keySerde ?? keySerde, `store ${storeName}`)
      const values = graph.valueSerde((options.valueSerde as Serde<V> | undefined) ?? valueSerde, `store ${storeName}`)
      const spec: KeyValueSpec = {
        kind: 'key-value',
        name: storeName,
        keySerde: sequenceSerde as Serde<unknown>,
        valueSerde: rowSerde(keys as Serde<unknown>, values as Serde<unknown>) as Serde<unknown>,
        logging: true,
        changelogConfig: options.changelogConfig,
        caching: false,
        timestamped: false,
        scan: true,
        immutableValues: true,
      }
      const answerSerde = answers?.serde ?? null
      const node = asyncCalls(supplier, { storeName, settings, keySerde: keys, valueSerde: values, answerSerde })
      topology.addOperator({ name, parents, supplier: node, calls: { store: storeName, answers } })
      topology.addStateStore(spec, [name])
      connectStores(topology, name, stores)
    },
  })
}

function answersOf<A>(name: string, given: AsyncAnswers<A> | undefined): CallsPart['answers'] {
  if (given === undefined) return null
  const { serde, retentionMs } = given
  if (Number.isSafeInteger(retentionMs) && retentionMs >= -1) return { serde: serde as Serde<unknown>, retentionMs }
  throw new StreamsTopologyError(
    `${name}: answers.retentionMs must be a whole number of milliseconds, or -1 to keep answers for good, not ${retentionMs}`,
  )
}

const ORDERS = ['key', 'partition', 'none']

function callSettings(name: string, limits: AsyncLimits): CallSettings {
  const { retry = {} } = limits
  const { order = 'key' } = limits
  if (!ORDERS.includes(order))
    throw new StreamsTopologyError(`${name}: order must be one of ${ORDERS.join(', ')}, not ${order}`)
  const whole = (what: string, given: number | undefined, byDefault: number, least: number): number => {
    const value = given ?? byDefault
    if (Number.isSafeInteger(value) && value >= least) return value
    throw new StreamsTopologyError(`${name}: ${what} must be a whole number of at least ${least}, not ${value}`)
  }
  return {
    order,
    concurrency: whole('concurrency', limits.concurrency, 16, 1),
    timeoutMs: whole('timeoutMs', limits.timeoutMs, 30_000, 1),
    maxWaiting: whole('maxWaiting', limits.maxWaiting, 1000, 1),
    maxWaitingBytes: whole('maxWaitingBytes', limits.maxWaitingBytes, 16 * 1024 * 1024, 1),
    attempts: whole('retry.attempts', retry.attempts, 3, 1),
    backoffMs: whole('retry.backoffMs', retry.backoffMs, 100, 0),
    maxBackoffMs: whole('retry.maxBackoffMs', retry.maxBackoffMs, 30_000, 0),
    isRetriable: retry.isRetriable ?? (() => true),
  }
}
