import type { TimestampedKeyValueStore } from '../../state/ports/stores.ts'
import type { Plan } from '../../topology/plan.ts'
import type { ProcessorContext } from '../../topology/processor.ts'
import { record, type StreamRecord } from '../../topology/record.ts'
import { int32Serde, stringSerde } from '../../topology/serdes.ts'
import { Topology } from '../../topology/topology.ts'

export interface CountingPlanOptions {
  readonly topics?: readonly string[]
  /** Before the names of application and output. */
  readonly prefix?: string
  readonly caching?: boolean
  readonly offsetReset?: 'earliest' | 'latest' | 'none'
  /** Called with each record, after the store was changed and before the output is sent. */
  readonly onRecord?: (value: string, context: ProcessorContext<string, string>) => void
  readonly onInit?: (context: ProcessorContext<string, string>) => void
}

/** Counts records by key in store `counts` and writes `key=<count>` to topic `out`. */
export function countingPlan({
  prefix = '',
  topics = [`${prefix}in`],
  onRecord,
  onInit,
  offsetReset,
  caching = false,
}: CountingPlanOptions = {}): Plan {
  return new Topology()
    .addSource({ name: 'source', topics, keySerde: stringSerde, valueSerde: stringSerde, offsetReset })
    .addProcessor({
      name: 'count',
      parents: ['source'],
      supplier: () => {
        let context: ProcessorContext<string, string>
        let store: TimestampedKeyValueStore<string, number>
        return {
          init(given: ProcessorContext<string, string>) {
            context = given
            store = given.store('counts')
            onInit?.(given)
          },
          process({ key, value, timestamp }: StreamRecord<string, string>) {
            const count = (store.get(key)?.value ?? 0) + 1
            store.put(key, { value: count, timestamp })
            onRecord?.(value, context)
            context.forward(record(key, String(count), timestamp))
          },
        }
      },
    })
    .addStateStore(
      {
        kind: 'key-value',
        name: 'counts',
        keySerde: stringSerde,
        valueSerde: int32Serde,
        timestamped: true,
        scan: false,
        logging: true,
        caching,
      },
      ['count'],
    )
    .addSink({
      name: 'sink',
      parents: ['count'],
      topic: `${prefix}out`,
      keySerde: stringSerde,
      valueSerde: stringSerde,
    })
    .build({ applicationId: `${prefix}app` })
}
