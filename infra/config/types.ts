import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { ExceptionHandler } from '../../runtime/instance/streams-config.ts'
import type { TokenProvider } from '../kafka/kafka-config.ts'

/**
 * A kind of value of a setting, as text of an environment variable and as a value in code (Given). `parse` and `check` answer undefined
 * for a value that is not of the kind.
 */
export interface Kind<T, Given = T> {
  /** The text behind "expected" in an error and in docs/configuration.md. */
  readonly accepts: string
  /** The same for a value in code, where that differs. */
  readonly acceptsInCode?: string
  parse(text: string): T | undefined
  check(value: Given): T | undefined
}

export interface HostPort {
  readonly host: string
  readonly port: number
}

/** Whole numbers in [min, max], plus the listed exceptions (-1 = "no limit" and the like). */
export function integer(min: number, max: number, also: readonly number[] = []): Kind<number> {
  const exceptions = also.map((value) => `${value} or `).join('')
  return {
    accepts: `${exceptions}a whole number from ${min} to ${max}`,
    parse(text) {
      if (!/^-?\d{1,16}$/.test(text)) return undefined
      const value = Number(text)
      return (value >= min && value <= max) || also.includes(value) ? value : undefined
    },
    check: (value) =>
      Number.isSafeInteger(value) && ((value >= min && value <= max) || also.includes(value)) ? value : undefined,
  }
}

export function oneOf<const T extends string>(...values: readonly T[]): Kind<T> {
  const find = (given: string): T | undefined => values.find((value) => value === given)
  return { accepts: values.join(' | '), parse: find, check: find }
}

/** A comma list of the values, each at most once; at least one. */
export function listOf<const T extends string>(values: readonly T[]): Kind<readonly T[]> {
  const one = oneOf(...values)
  const listed = (given: readonly string[]): readonly T[] | undefined => {
    const all = given.map((part) => one.parse(part))
    return all.every((part) => part !== undefined) && new Set(all).size === all.length ? all : undefined
  }
  return {
    accepts: `a comma list of ${values.join(', ')}`,
    acceptsInCode: `an array of ${values.join(', ')}`,
    parse: (text) => listed(text.split(',').map((part) => part.trim())),
    check: (value) => (Array.isArray(value) ? listed(value) : undefined),
  }
}

export const boolean: Kind<boolean> = {
  accepts: 'true | false',
  parse: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
  check: (value) => (typeof value === 'boolean' ? value : undefined),
}

export function text(accepts: string, pattern: RegExp): Kind<string> {
  const matching = (value: string): string | undefined =>
    typeof value === 'string' && pattern.test(value) ? value : undefined
  return { accepts, parse: matching, check: matching }
}

/** One `host:port`; IPv6 addresses stand in brackets. */
export const hostPort: Kind<HostPort, string | HostPort> = {
  accepts: 'host:port',
  parse(value) {
    const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(value)
    const host = match?.[1] ?? match?.[2]
    const port = Number(match?.[3])
    return host === undefined || port < 1 || port > 65535 ? undefined : { host, port }
  },
  check(value) {
    if (typeof value === 'string') return hostPort.parse(value)
    const isAddress = typeof value === 'object' && value !== null && typeof value.host === 'string'
    return isAddress ? hostPort.parse(formatHostPort(value)) : undefined
  },
}

export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** `host:port[,host:port...]`, or an array of `host:port`. */
export const hostPorts: Kind<readonly string[], string | readonly string[]> = {
  accepts: 'host:port[,host:port...]',
  acceptsInCode: 'host:port[,host:port...], or an array of host:port',
  parse: (value) => allHostPorts(value.split(',')),
  check(value) {
    if (typeof value === 'string') return hostPorts.parse(value)
    return Array.isArray(value) && value.length > 0 ? allHostPorts(value) : undefined
  },
}

function allHostPorts(values: readonly unknown[]): readonly string[] | undefined {
  const all = values.map((value) => (typeof value === 'string' ? hostPort.parse(value.trim()) : undefined))
  return all.every((one) => one !== undefined) ? all.map(formatHostPort) : undefined
}

/** A number in [min, max], like 0.05. */
export function decimal(min: number, max: number): Kind<number> {
  return {
    accepts: `a number from ${min} to ${max}`,
    parse(value) {
      const number = /^\d{1,10}(\.\d{1,20})?$/.test(value) ? Number(value) : Number.NaN
      return number >= min && number <= max ? number : undefined
    },
    check: (value) => (typeof value === 'number' && value >= min && value <= max ? value : undefined),
  }
}

/** http or https, without user, query and fragment. */
export const httpUrl: Kind<string> = {
  accepts: 'an http or https URL',
  parse(value) {
    if (!URL.canParse(value)) return undefined
    const { protocol, username, password, search, hash } = new URL(value)
    return /^https?:$/.test(protocol) && username + password + search + hash === '' ? value : undefined
  },
  check: (value) => (typeof value === 'string' ? httpUrl.parse(value) : undefined),
}

/** Certificates: the path of a PEM file in the environment, the PEM itself in code. */
export const pemFile: Kind<string, string | Buffer> = {
  accepts: 'the path of a readable PEM file with certificates',
  acceptsInCode: 'certificates as PEM, the content of the file',
  parse: (path) => certificatesIn(contentOf(path)),
  check: (value) => certificatesIn(pemText(value)),
}

/** A private key that is not encrypted, given as certificates are. */
export const pemKeyFile: Kind<string, string | Buffer> = {
  accepts: 'the path of a readable PEM file with an unencrypted private key',
  acceptsInCode: 'an unencrypted private key as PEM, the content of the file',
  parse: (path) => keyIn(contentOf(path)),
  check: (value) => keyIn(pemText(value)),
}

function certificatesIn(pem: string | undefined): string | undefined {
  return pem?.includes('-----BEGIN CERTIFICATE-----') === true ? pem : undefined
}

function keyIn(pem: string | undefined): string | undefined {
  if (pem === undefined || pem.includes('ENCRYPTED')) return undefined
  return /-----BEGIN ([A-Z]+ )?PRIVATE KEY-----/.test(pem) ? pem : undefined
}

function pemText(value: string | Buffer): string | undefined {
  return typeof value === 'string' || Buffer.isBuffer(value) ? value.toString() : undefined
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // The file is missing or unreadable: the error names the variable, the path and what is accepted.
    return undefined
  }
}

/** Host names with commas between them, or `*`. */
export const hostNames: Kind<readonly string[]> = {
  accepts: 'a comma list of host names, or *',
  acceptsInCode: 'an array of host names, or of *',
  parse: (value) => hostNames.check(value.split(',').map((name) => name.trim())),
  check(names) {
    const isName = (name: unknown): boolean => typeof name === 'string' && /^(\*|[A-Za-z0-9._-]+)$/.test(name)
    return Array.isArray(names) && names.every(isName) ? names : undefined
  },
}

/** Origins of web pages, as browsers send them. */
export const origins: Kind<readonly string[]> = {
  accepts: 'a comma list of origins like https://app.example, or *',
  acceptsInCode: 'an array of origins, or of *',
  parse: (value) => origins.check(value.split(',').map((origin) => origin.trim())),
  check(values) {
    const isOrigin = (origin: unknown): boolean =>
      origin === '*' || (typeof origin === 'string' && URL.canParse(origin) && new URL(origin).origin === origin)
    return Array.isArray(values) && values.every(isOrigin) ? values : undefined
  },
}

/** An exception handler: the answer that it always gives, or in code a function. */
export const exceptionHandler: Kind<ExceptionHandler> = {
  accepts: 'fail | continue | dead-letter',
  acceptsInCode: 'fail | continue | dead-letter, or a function of error and record',
  parse: (text) => EXCEPTION_RESPONSES.find((response) => response === text),
  check: (value) => (typeof value === 'function' ? value : EXCEPTION_RESPONSES.find((response) => response === value)),
}

const EXCEPTION_RESPONSES = ['fail', 'continue', 'dead-letter'] as const

/** A token provider: the path of a readable module in the environment, whose URL is the value; in code its URL, or the function. */
export const tokenModule: Kind<string | TokenProvider, string | URL | TokenProvider> = {
  accepts: 'the path of a readable JavaScript module (.js, .mjs)',
  acceptsInCode: 'the URL of a module, or a function',
  parse(path) {
    if (!/\.m?js$/.test(path) || contentOf(path) === undefined) return undefined
    return pathToFileURL(resolve(path)).href
  },
  check(value) {
    if (typeof value === 'function') return value
    return URL.canParse(String(value)) ? String(value) : undefined
  },
}
