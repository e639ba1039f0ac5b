import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

/**
 * The kinds of values an environment variable may have. `accepts` is the text behind "expected" in an error and in
 * docs/configuration.md; `parse` answers undefined for a value that is not of the kind.
 */
export interface Kind<T> {
  readonly accepts: string
  parse(text: string): T | undefined
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
  }
}

export function oneOf<const T extends string>(...values: readonly T[]): Kind<T> {
  return { accepts: values.join(' | '), parse: (text) => values.find((value) => value === text) }
}

/** A comma list of the values, each at most once; at least one. */
export function listOf<const T extends string>(values: readonly T[]): Kind<readonly T[]> {
  const one = oneOf(...values)
  return {
    accepts: `a comma list of ${values.join(', ')}`,
    parse(text) {
      const all = text.split(',').map((part) => one.parse(part.trim()))
      return all.every((part) => part !== undefined) && new Set(all).size === all.length ? all : undefined
    },
  }
}

export const boolean: Kind<boolean> = {
  accepts: 'true | false',
  parse: (text) => (text === 'true' ? true : text === 'false' ? false : undefined),
}

export function text(accepts: string, pattern: RegExp): Kind<string> {
  return { accepts, parse: (value) => (pattern.test(value) ? value : undefined) }
}

/** One `host:port`; IPv6 addresses stand in brackets. */
export const hostPort: Kind<HostPort> = {
  accepts: 'host:port',
  parse(value) {
    const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+)):(\d{1,5})$/.exec(value)
    const host = match?.[1] ?? match?.[2]
    const port = Number(match?.[3])
    return host === undefined || port < 1 || port > 65535 ? undefined : { host, port }
  },
}

export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** `host:port[,host:port...]`. */
export const hostPorts: Kind<readonly HostPort[]> = {
  accepts: 'host:port[,host:port...]',
  parse(value) {
    const all = value.split(',').map((part) => hostPort.parse(part.trim()))
    return all.every((part) => part !== undefined) ? all : undefined
  },
}

/** A number in [min, max], like 0.05. */
export function decimal(min: number, max: number): Kind<number> {
  return {
    accepts: `a number from ${min} to ${max}`,
    parse(value) {
      const number = /^\d{1,10}(\.\d{1,20})?$/.test(value) ? Number(value) : Number.NaN
      return number >= min && number <= max ? number : undefined
    },
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
}

/** Path of a readable PEM file; the value is its content. */
export const pemFile: Kind<string> = {
  accepts: 'the path of a readable PEM file with certificates',
  parse(path) {
    let pem: string
    try {
      pem = readFileSync(path, 'utf8')
    } catch {
      // The file is missing or unreadable: the error names the variable, the path and what is accepted.
      return undefined
    }
    return pem.includes('-----BEGIN CERTIFICATE-----') ? pem : undefined
  },
}

/** Path of a readable PEM file with a private key that is not encrypted; the value is its content. */
export const pemKeyFile: Kind<string> = {
  accepts: 'the path of a readable PEM file with an unencrypted private key',
  parse(path) {
    let pem: string
    try {
      pem = readFileSync(path, 'utf8')
    } catch {
      // The error names the variable, as in pemFile.
      return undefined
    }
    return /-----BEGIN ([A-Z]+ )?PRIVATE KEY-----/.test(pem) && !pem.includes('ENCRYPTED') ? pem : undefined
  },
}

/** Host names with commas between them, or `*`. */
export const hostNames: Kind<readonly string[]> = {
  accepts: 'a comma list of host names, or *',
  parse(value) {
    const names = value.split(',').map((name) => name.trim())
    return names.every((name) => name === '*' || /^[A-Za-z0-9._-]+$/.test(name)) ? names : undefined
  },
}

/** Path of a readable module; the value is its URL. Its exports are checked when it is loaded. */
export const moduleFile: Kind<string> = {
  accepts: 'the path of a readable JavaScript module (.js, .mjs)',
  parse(path) {
    if (!/\.m?js$/.test(path)) return undefined
    try {
      readFileSync(path)
    } catch {
      return undefined
    }
    return pathToFileURL(resolve(path)).href
  },
}
