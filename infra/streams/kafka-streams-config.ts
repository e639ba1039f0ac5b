import type { LostInput, MisplacedKeys } from '../../runtime/ports/instance-events.ts'
import { StreamsConfigError } from '../../state/ports/errors.ts'
import { type Config, type ConfigInCode, configOf } from '../config/config.ts'
import { variables } from '../config/variables.ts'
import type { Logger } from '../logging/logger.ts'

/** Called instead of a line of log. */
export interface StreamsListeners {
  /** Called for failures that the instance recovered from. */
  readonly onRecovered?: ((error: Error) => void) | undefined
  /** Called when input was removed before it was processed. */
  readonly onInputLost?: ((lost: LostInput) => void) | undefined
  /** Called once per thread and topic whose records do not lie where their keys belong (`checksPartitions`). */
  readonly onMisplacedKeys?: ((keys: MisplacedKeys) => void) | undefined
}

/** Configuration of KafkaStreams: all settings of docs/configuration.md, of which two must be given. */
export interface KafkaStreamsConfig extends ConfigInCode, StreamsListeners {
  readonly applicationId: NonNullable<ConfigInCode['applicationId']>
  readonly brokers: NonNullable<ConfigInCode['brokers']> | null
  /** A pino logger, or what has its methods. Default: lines of JSON on stdout, of `logLevel` and above. */
  readonly logger?: Logger | undefined
}

export interface StreamsSettings {
  readonly settings: Config
  readonly listeners: StreamsListeners
  readonly logger: Logger | null
}

/** Validates the configuration of KafkaStreams. @throws StreamsConfigError */
export function streamsSettings(config: KafkaStreamsConfig): StreamsSettings {
  if (typeof config !== 'object' || config === null) {
    throw new StreamsConfigError('the configuration must be an object with applicationId and brokers')
  }
  const { logger, onRecovered, onInputLost, onMisplacedKeys, ...given } = config
  for (const name of ['applicationId', 'brokers'] as const) {
    if (given[name] !== undefined && given[name] !== null) continue
    const { accepts, acceptsInCode = accepts } = variables[name].kind
    throw new StreamsConfigError(`${name}: is not set, expected ${acceptsInCode}`)
  }
  const listeners = { onRecovered, onInputLost, onMisplacedKeys }
  for (const [name, listener] of Object.entries(listeners)) {
    if (listener !== undefined && typeof listener !== 'function') {
      throw new StreamsConfigError(`${name}: a ${typeof listener} is not accepted, expected a function`)
    }
  }
  if (logger !== undefined && typeof logger?.info !== 'function') {
    throw new StreamsConfigError('logger: the value given is not accepted, expected a pino logger')
  }
  return { settings: configOf(given), listeners, logger: logger ?? null }
}
