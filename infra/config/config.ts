import { StreamsConfigError } from '../../state/ports/errors.ts'
import { availableMemory, type MemoryShares, memoryShares } from './memory-shares.ts'
import type { ValuesOf, Variable, VariableTable } from './variable.ts'
import { variables } from './variables.ts'

/** The validated environment (docs/configuration.md). Null = unset. Times in ms, sizes in bytes. */
export type Config = ValuesOf<typeof variables>

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * Reads and validates the environment; an empty variable counts as unset.
 * Throws StreamsConfigError for a name that is nearly one of the table's while that one is not set, and for the first bad value in the
 * order of the table: one line with variable, value
 * (never of a secret) and what is accepted.
 */
export function loadConfig(env: Environment): Config {
  return loadConfigWith({}, env)
}

/** Works like loadConfig, with an application's variables in addition to the engine's. */
export function loadConfigWith<T extends VariableTable>(own: T, env: Environment): Config & ValuesOf<T> {
  const table: VariableTable = { ...variables, ...own }
  refuseMisspelt(table, env)
  const values = Object.fromEntries(Object.entries(table).map(([name, variable]) => [name, read(variable, env)]))
  const config = { ...values, ...scarce(values as Config, env) } as Config & ValuesOf<T>
  checkTogether(config)
  return config
}

/** Cuts defaults down that do not fit into the available memory; a given value stays. */
function scarce(config: Config, env: Environment): Partial<Config> {
  const { cacheMaxBytes, buffersMaxBytes } = sharesOf(config)
  const isUnset = (variable: Variable<unknown, unknown>): boolean => (env[variable.env] ?? '').trim() === ''
  return {
    ...(isUnset(variables.statestoreCacheMaxBytes) && { statestoreCacheMaxBytes: cacheMaxBytes }),
    ...(isUnset(variables.statestoreBuffersMaxBytes) && { statestoreBuffersMaxBytes: buffersMaxBytes }),
  }
}

/** The share of memory that each part of this instance may use. */
export function sharesOf({ memoryLimitBytes, numStreamThreads }: Config): MemoryShares {
  return memoryShares(memoryLimitBytes ?? availableMemory(), numStreamThreads)
}

function read(variable: Variable<unknown, unknown>, env: Environment): unknown {
  const given: unknown = env[variable.env]
  if (given !== undefined && typeof given !== 'string') {
    const shown = variable.secret ? 'the value given' : String(given)
    throw new StreamsConfigError(
      `${variable.env}: ${shown} is a ${typeof given}, expected a string, as in an environment`,
    )
  }
  const text = given?.trim()
  if (text === undefined || text === '') return variable.fallback
  const value = variable.kind.parse(text)
  if (value === undefined) {
    const shown = variable.secret ? 'the value given' : JSON.stringify(text)
    throw new StreamsConfigError(`${variable.env}: ${shown} is not accepted, expected ${variable.kind.accepts}`)
  }
  return value
}

/** The environment also has other programs' variables: only a name within a letter or two of ours can be meant for us. */
function refuseMisspelt(table: VariableTable, env: Environment): void {
  const known = Object.values(table).map((variable) => variable.env)
  for (const name of Object.keys(env)) {
    if (known.includes(name)) continue
    const meant = known.find((other) => env[other] === undefined && isNearly(name, other))
    if (meant !== undefined) throw new StreamsConfigError(`${name}: there is no such variable, did you mean ${meant}?`)
  }
}

const FEW_LETTERS = 2

/** True when the Levenshtein distance is at most FEW_LETTERS (Wagner and Fischer's algorithm). */
function isNearly(a: string, b: string): boolean {
  if (Math.abs(a.length - b.length) > FEW_LETTERS) return false
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const changed = (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(changed, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return (row[b.length] as number) <= FEW_LETTERS
}

function checkTogether(config: Config): void {
  const sasl = config.kafkaSaslMechanism
  if (sasl === 'OAUTHBEARER') {
    if (config.kafkaSaslTokenProvider === null) {
      throw new StreamsConfigError(
        'KAFKA_SASL_MECHANISM: "OAUTHBEARER" needs KAFKA_SASL_TOKEN_PROVIDER, expected it to be set',
      )
    }
  } else if (sasl !== null && (config.kafkaSaslUsername === null || config.kafkaSaslPassword === null)) {
    throw new StreamsConfigError(
      `KAFKA_SASL_MECHANISM: "${sasl}" needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD, expected both to be set`,
    )
  }
  if (config.kafkaTlsCa !== null && !config.kafkaTls) {
    throw new StreamsConfigError('KAFKA_TLS_CA: is set while KAFKA_TLS is false, expected KAFKA_TLS=true with it')
  }
  if ((config.httpTlsCert === null) !== (config.httpTlsKey === null)) {
    throw new StreamsConfigError('HTTP_TLS_CERT and HTTP_TLS_KEY: only one is set, expected both or none')
  }
  if (config.httpTlsCa !== null && config.httpTlsCert === null) {
    throw new StreamsConfigError('HTTP_TLS_CA: is set without HTTP_TLS_CERT, expected both')
  }
}

/** Settings that are allowed but probably not intended, one line each, to be logged as warnings. */
export function configWarnings(config: Config): readonly string[] {
  const warnings: string[] = []
  if (!isLoopback(config.httpHost) && config.httpToken === null) {
    warnings.push(`HTTP_HOST ${config.httpHost} is reachable from outside and HTTP_TOKEN is not set: anyone can query`)
  }
  if (!isLoopback(config.httpHost) && config.httpToken !== null && config.httpTlsCert === null) {
    warnings.push(
      `HTTP_HOST ${config.httpHost} is reachable from outside and HTTP_TLS_CERT is not set: clients send HTTP_TOKEN in clear`,
    )
  }
  const inClear = { PLAIN: 'password', OAUTHBEARER: 'token' } as Readonly<Record<string, string>>
  const secret = inClear[config.kafkaSaslMechanism ?? '']
  if (secret !== undefined && !config.kafkaTls) {
    warnings.push(`KAFKA_SASL_MECHANISM ${config.kafkaSaslMechanism} without KAFKA_TLS sends the ${secret} in clear`)
  }
  return warnings
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** Returns the brokers. Throws a StreamsConfigError that says KAFKA_BROKERS must be set. */
export function requireBrokers(config: Config): readonly string[] {
  if (config.kafkaBrokers === null) {
    throw new StreamsConfigError(
      `KAFKA_BROKERS: is not set, expected ${variables.kafkaBrokers.kind.accepts} (ride-streams kafka up starts a local broker)`,
    )
  }
  return config.kafkaBrokers.map(({ host, port }) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`))
}

/** The configuration as it may be logged: secrets are masked. `own`: the table that loadConfigWith took. */
export function publicConfig(config: Config, own: VariableTable = {}): Record<string, unknown> {
  const values: Readonly<Record<string, unknown>> = config
  return Object.fromEntries(
    Object.entries<Variable<unknown, unknown>>({ ...variables, ...own }).map(([name, { secret }]) => [
      name,
      secret && values[name] !== null ? '***' : values[name],
    ]),
  )
}
