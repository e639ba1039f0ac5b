import type { ReplayRules } from '../topology/index.ts'
import { RIDE_PROCESSORS } from './ride-processors.ts'

/** The rules of all stores and outputs; docs/decisions/replay.md says why. */
export const rideReplayRules: ReplayRules = {
  stores: Object.assign({}, ...RIDE_PROCESSORS.map(({ stores }) => stores)),
  outputs: Object.fromEntries(
    RIDE_PROCESSORS.flatMap(({ output }) => (output === null ? [] : [[output.topic, output.rule]])),
  ),
}
