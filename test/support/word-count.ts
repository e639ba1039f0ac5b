import { StreamsBuilder, serdes } from '../../topology/index.ts'
import type { Plan } from '../../topology/plan.ts'

/** Counts the words of `<application id>-words` by key and writes each count to `<application id>-counts`: a module for threads. */
export function buildPlan({ applicationId }: { readonly applicationId: string }): Plan {
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
  builder
    .stream<string, string>(`${applicationId}-words`)
    .groupByKey()
    .count({ materialized: { name: 'counts', caching: false } })
    .toStream()
    .mapValues((count) => String(count))
    .to(`${applicationId}-counts`)
  return builder.build().build({ applicationId })
}
