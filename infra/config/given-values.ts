import { StreamsConfigError } from '../../state/ports/errors.ts'
import { nearestName } from './nearest-name.ts'
import type { Variable, VariableTable } from './variable.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Values of settings that somebody gave, checked one by one: those of an environment, or those of code. */
export interface Given {
  /** By the names of the table. What is not there was not given. */
  readonly values: ReadonlyMap<string, unknown>
  /** The name by which the giver knows a setting, for messages. */
  readonly nameOf: NameOf
}

/** The name by which the user knows a setting, from its name in the table. */
export type NameOf = (setting: string) => string

/** Names of those who write code. */
export const nameInCode: NameOf = (setting) => setting

/**
 * Reads the environment; an empty variable counts as unset.
 * @throws StreamsConfigError for a name that is nearly one of the table's while that one is not set, and for the first bad value in the
 * order of the table: one line with variable, value (never of a secret) and what is accepted
 */
export function valuesOfEnvironment(table: VariableTable, env: Environment): Given {
  refuseMisspelt(table, env)
  const values = new Map<string, unknown>()
  for (const [setting, variable] of Object.entries(table)) {
    const value = readVariable(variable, env)
    if (value !== undefined) values.set(setting, value)
  }
  return { values, nameOf: (setting) => table[setting]?.env ?? setting }
}

function readVariable(variable: Variable<unknown, unknown, unknown>, env: Environment): unknown {
  const given: unknown = env[variable.env]
  if (given !== undefined && typeof given !== 'string') {
    const shown = variable.secret ? 'the value given' : String(given)
    throw new StreamsConfigError(
      `${variable.env}: ${shown} is a ${typeof given}, expected a string, as in an environment`,
    )
  }
  const text = given?.trim()
  if (text === undefined || text === '') return undefined
  const value = variable.kind.parse(text)
  if (value === undefined) throw notAccepted(variable.env, text, variable.kind.accepts, variable.secret)
  return value
}

/** The environment also has other programs' variables: only a name within a letter or two of ours can be meant for us. */
function refuseMisspelt(table: VariableTable, env: Environment): void {
  const known = Object.values(table).map((variable) => variable.env)
  for (const name of Object.keys(env)) {
    if (known.includes(name)) continue
    const meant = nearestName(
      name,
      known.filter((other) => env[other] === undefined),
    )
    if (meant !== null) throw new StreamsConfigError(`${name}: there is no such variable, did you mean ${meant}?`)
  }
}

/**
 * Reads settings given in code. undefined, and null where a setting may be unset, count as not given. Members of `tls` and `sasl` are the
 * settings `tls.ca`, `sasl.mechanism` and so on; `tls: true` is TLS without any.
 * @throws StreamsConfigError for an unknown name, and for the first value that is not accepted: one line, never with a secret
 */
export function valuesOfCode(table: VariableTable, given: Readonly<Record<string, unknown>>): Given {
  const flat = flattened(given)
  const known = [...new Set([...Object.keys(table), 'sasl'])]
  for (const name of flat.keys()) {
    if (!known.includes(name)) throw new StreamsConfigError(unknownSetting(name, table, known))
  }
  const values = new Map<string, unknown>()
  for (const [setting, { kind, fallback, secret }] of Object.entries(table)) {
    const value = flat.get(setting)
    if (value === undefined || (value === null && fallback === null)) continue
    const checked = kind.check(value)
    if (checked === undefined) throw notAccepted(setting, value, kind.acceptsInCode ?? kind.accepts, secret)
    values.set(setting, checked)
  }
  return { values, nameOf: nameInCode }
}

/** The groups, and the member that says that there is such a group at all. */
const GROUPS: Readonly<Record<string, string | null>> = { tls: 'tls', sasl: null }

function flattened(given: Readonly<Record<string, unknown>>): Map<string, unknown> {
  const flat = new Map<string, unknown>()
  for (const [name, value] of Object.entries(given)) {
    const isOn = GROUPS[name]
    if (isOn === undefined || typeof value !== 'object' || value === null) {
      flat.set(name, name === 'sasl' ? refuseGroup(name, value) : value)
      continue
    }
    if (isOn !== null) flat.set(isOn, true)
    else if (Object.keys(value).length === 0) refuseGroup(name, value)
    for (const [member, part] of Object.entries(value)) flat.set(`${name}.${member}`, part)
  }
  return flat
}

function refuseGroup(name: string, value: unknown): undefined {
  if (value === undefined || value === null) return undefined
  throw notAccepted(name, value, 'an object with mechanism, and username and password or tokenProvider', true)
}

/** Kafka's own name, an environment variable and a slip of the pen all lead to the name that is right. */
function unknownSetting(name: string, table: VariableTable, known: readonly string[]): string {
  const meant =
    Object.entries(table).find(([, { env, kafka }]) => name === env || name === kafka)?.[0] ??
    nearestName(name, known) ??
    known.find((other) => sameLetters(other) === sameLetters(name))
  return `${name}: there is no such setting${meant === undefined || meant === null ? '' : `, did you mean ${meant}?`}`
}

function sameLetters(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '')
}

function notAccepted(name: string, value: unknown, accepts: string, isSecret = false): StreamsConfigError {
  const shown = isSecret ? 'the value given' : shownValue(value)
  return new StreamsConfigError(`${name}: ${shown} is not accepted, expected ${accepts}`)
}

const MOST_SHOWN = 200

function shownValue(value: unknown): string {
  if (typeof value === 'function') return 'a function'
  let text: string
  try {
    text = JSON.stringify(value) ?? String(value)
  } catch {
    // A bigint, or an object that contains itself: its kind says enough.
    text = `a ${typeof value}`
  }
  if (typeof value === 'number') text = String(value) // NaN and Infinity are null in JSON
  return text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}...` : text
}
