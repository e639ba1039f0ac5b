import { StreamsConfigError } from '../../state/ports/errors.ts'
import type { KafkaTls, SaslConfig } from '../kafka/kafka-config.ts'
import { type Environment, type Given, type NameOf, valuesOfCode, valuesOfEnvironment } from './given-values.ts'
import { availableMemory, type MemoryShares, memoryShares } from './memory-shares.ts'
import type { GivenValues, ValuesOf, Variable, VariableTable } from './variable.ts'
import { variables } from './variables.ts'

/** Settings that are members of a group in code. */
type Grouped<T> = Extract<keyof T, 'tls' | `${string}.${string}`>

/** The validated settings (docs/configuration.md). Null = unset. Times in ms, sizes in bytes. */
export interface Config extends Omit<ValuesOf<typeof variables>, Grouped<typeof variables>> {
  readonly tls: boolean | KafkaTls
  readonly sasl: SaslConfig | null
}

/** Settings in code: docs/configuration.md. What is not given has its default; a Config may be given whole. */
export interface ConfigInCode extends Omit<GivenValues<typeof variables>, Grouped<typeof variables>> {
  /** true, or what TLS needs: certificates and key are PEM. */
  readonly tls?: boolean | KafkaTls | undefined
  readonly sasl?: SaslConfig | null | undefined
}

/**
 * Reads and validates the environment, as an adapter to configOf(); an empty variable counts as unset. It reads nothing but `env`.
 * @throws StreamsConfigError: one line with variable, value (never of a secret) and what is accepted
 */
export function loadConfig(env: Environment): Config {
  return loadConfigWith({}, env)
}

/** Works like loadConfig, with an application's variables in addition to the engine's. */
export function loadConfigWith<T extends VariableTable>(own: T, env: Environment): Config & ValuesOf<T> {
  const table: VariableTable = { ...variables, ...own }
  return configFrom(table, valuesOfEnvironment(table, env)) as Config & ValuesOf<T>
}

/**
 * Validates settings given in code.
 * @throws StreamsConfigError: one line with name, value (never of a secret) and what is accepted
 */
export function configOf(given: ConfigInCode): Config {
  return configFrom(variables, valuesOfCode(variables, { ...given }))
}

function configFrom(table: VariableTable, given: Given): Config {
  const flat = Object.fromEntries(
    Object.entries(table).map(([name, { fallback }]) => [name, given.values.get(name) ?? fallback]),
  ) as unknown as ValuesOf<typeof variables>
  checkTogether(flat, given)
  const ungrouped = Object.entries(flat).filter(([name]) => name !== 'tls' && !name.includes('.'))
  const config = { ...Object.fromEntries(ungrouped), tls: tlsOf(flat), sasl: saslOf(flat) } as unknown as Config
  return { ...config, ...scarce(config, given) }
}

function tlsOf(flat: ValuesOf<typeof variables>): boolean | KafkaTls {
  if (!flat.tls) return false
  const parts = { ca: flat['tls.ca'], cert: flat['tls.cert'], key: flat['tls.key'], servername: flat['tls.servername'] }
  const given = Object.entries(parts).filter(([, value]) => value !== null)
  return given.length === 0 || Object.fromEntries(given)
}

function saslOf(flat: ValuesOf<typeof variables>): SaslConfig | null {
  const mechanism = flat['sasl.mechanism']
  const [username, password, tokenProvider] = [flat['sasl.username'], flat['sasl.password'], flat['sasl.tokenProvider']]
  if (mechanism === 'OAUTHBEARER') return tokenProvider === null ? null : { mechanism, tokenProvider }
  return mechanism !== null && username !== null && password !== null ? { mechanism, username, password } : null
}

/** Cuts defaults down that do not fit into the available memory; a given value stays. */
function scarce(config: Config, { values }: Given): Partial<Config> {
  const { cacheMaxBytes, buffersMaxBytes } = sharesOf(config)
  return {
    ...(!values.has('statestoreCacheMaxBytes') && { statestoreCacheMaxBytes: cacheMaxBytes }),
    ...(!values.has('statestoreBuffersMaxBytes') && { statestoreBuffersMaxBytes: buffersMaxBytes }),
  }
}

/** The share of memory that each part of this instance may use when it has so many threads. */
export function sharesOf({ memoryLimitBytes, numStreamThreads }: Config, threads = numStreamThreads): MemoryShares {
  return memoryShares(memoryLimitBytes ?? availableMemory(), threads)
}

function checkTogether(flat: ValuesOf<typeof variables>, { nameOf }: Given): void {
  const [mechanism, username, password, provider] = ['mechanism', 'username', 'password', 'tokenProvider'].map((name) =>
    nameOf(`sasl.${name}`),
  )
  const sasl = flat['sasl.mechanism']
  if (sasl === 'OAUTHBEARER') {
    if (flat['sasl.tokenProvider'] === null) {
      throw new StreamsConfigError(`${mechanism}: "OAUTHBEARER" needs ${provider}, expected it to be set`)
    }
  } else if (sasl !== null && (flat['sasl.username'] === null || flat['sasl.password'] === null)) {
    throw new StreamsConfigError(`${mechanism}: "${sasl}" needs ${username} and ${password}, expected both to be set`)
  }
  for (const part of ['sasl.username', 'sasl.password', 'sasl.tokenProvider'] as const) {
    if (flat[part] === null || sasl !== null) continue
    throw new StreamsConfigError(`${nameOf(part)}: is set without ${mechanism}, expected ${mechanism} with it`)
  }
  for (const part of ['tls.ca', 'tls.cert', 'tls.key', 'tls.servername'] as const) {
    if (flat[part] === null || flat.tls) continue
    throw new StreamsConfigError(
      `${nameOf(part)}: is set while ${nameOf('tls')} is false, expected ${nameOf('tls')}=true with it`,
    )
  }
  const isOneOf = (first: unknown, second: unknown): boolean => (first === null) !== (second === null)
  if (isOneOf(flat['tls.cert'], flat['tls.key'])) {
    throw new StreamsConfigError(
      `${nameOf('tls.cert')} and ${nameOf('tls.key')}: only one is set, expected both or none`,
    )
  }
  if (isOneOf(flat.httpTlsCert, flat.httpTlsKey)) {
    throw new StreamsConfigError(
      `${nameOf('httpTlsCert')} and ${nameOf('httpTlsKey')}: only one is set, expected both or none`,
    )
  }
  if (flat.httpTlsCa !== null && flat.httpTlsCert === null) {
    throw new StreamsConfigError(`${nameOf('httpTlsCa')}: is set without ${nameOf('httpTlsCert')}, expected both`)
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
  const secret = inClear[config.sasl?.mechanism ?? '']
  if (secret !== undefined && config.tls === false) {
    warnings.push(`KAFKA_SASL_MECHANISM ${config.sasl?.mechanism} without KAFKA_TLS sends the ${secret} in clear`)
  }
  return warnings
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** Names of those who set an environment. */
export const nameInEnvironment: NameOf = (setting) => (variables as VariableTable)[setting]?.env ?? setting

/** Returns the brokers. Throws a StreamsConfigError that says they must be set. */
export function requireBrokers(config: Config, nameOf: NameOf = nameInEnvironment): readonly string[] {
  if (config.brokers === null) {
    throw new StreamsConfigError(
      `${nameOf('brokers')}: is not set, expected ${variables.brokers.kind.accepts} (ride-streams kafka up starts a local broker)`,
    )
  }
  return config.brokers
}

const HIDDEN = '***'

/** The configuration as it may be logged: secrets are masked. `own`: the table that loadConfigWith took. */
export function publicConfig(config: Config, own: VariableTable = {}): Record<string, unknown> {
  const table: Readonly<Record<string, Variable<unknown, unknown, unknown>>> = { ...variables, ...own }
  const shown = (name: string, value: unknown): unknown =>
    table[name]?.secret === true && value !== null && value !== undefined ? HIDDEN : value
  const group = (name: string, value: unknown): unknown =>
    typeof value === 'object' && value !== null
      ? Object.fromEntries(Object.entries(value).map(([member, part]) => [member, shown(`${name}.${member}`, part)]))
      : value
  return Object.fromEntries(
    Object.entries(config).map(([name, value]) => [
      name,
      name === 'tls' || name === 'sasl' ? group(name, value) : shown(name, value),
    ]),
  )
}
