import type { ReplayRules } from '../topology/index.ts'
import { ALL_RIDE_PROCESSORS } from './ride-processors.ts'

/** The rules of all stores and outputs; docs/decisions/replay.md says why. */
export const rideReplayRules: ReplayRules = {
  stores: Object.assign({}, ...ALL_RIDE_PROCESSORS.map(({ stores }) => stores)),
  outputs: Object.fromEntries(
    ALL_RIDE_PROCESSORS.flatMap(({ output }) => (output === null ? [] : [[output.topic, output.rule]])),
  ),
}
