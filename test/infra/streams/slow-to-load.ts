import { setTimeout as sleep } from 'node:timers/promises'
import { type Plan, StreamsBuilder, serdes } from '../../../topology/index.ts'

// Requests to the thread arrive in the meantime.
await sleep(100)

export function buildPlan({ applicationId }: { readonly applicationId: string }): Plan {
  const builder = new StreamsBuilder()
  builder.stream('in', { keySerde: serdes.string, valueSerde: serdes.string }).to('out')
  return builder.build().build({ applicationId })
}
