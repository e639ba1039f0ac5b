import { setTimeout as sleep } from 'node:timers/promises'
import { type Plan, StreamsBuilder } from '../../../topology/index.ts'

// Requests to the thread arrive in the meantime.
await sleep(100)

export function buildPlan({ applicationId }: { readonly applicationId: string }): Plan {
  return new StreamsBuilder().build().build({ applicationId })
}
