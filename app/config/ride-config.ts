import { type Config, type Environment, loadConfigWith, publicConfig, type ValuesOf } from '../../infra/config/index.ts'
import { processorsProblem } from '../../processors/processor-names.ts'
import { StreamsConfigError } from '../../state/index.ts'
import { rideVariables } from './ride-variables.ts'

/** The validated environment of the ride application (docs/configuration.md): the engine's variables and its own. */
export type RideConfig = Config & ValuesOf<typeof rideVariables>

/** Reads and validates the environment. Throws StreamsConfigError as loadConfig of the engine does. */
export function loadRideConfig(env: Environment): RideConfig {
  const config = loadConfigWith(rideVariables, env)
  const problem = processorsProblem(config.processors)
  if (problem !== null) throw new StreamsConfigError(`PROCESSORS: ${problem}`)
  return config
}

/** The configuration as it may be logged: secrets are masked. */
export function publicRideConfig(config: RideConfig): Record<string, unknown> {
  return publicConfig(config, rideVariables)
}
