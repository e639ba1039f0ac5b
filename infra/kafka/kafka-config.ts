import { StreamsConfigError } from '../../state/ports/errors.ts'

export type PasswordMechanism = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'

/** Returns a currently valid token; each connection calls it. Its failures are retried. */
export type TokenProvider = () => string | Promise<string>

export type SaslConfig =
  | { readonly mechanism: PasswordMechanism; readonly username: string; readonly password: string }
  | {
      readonly mechanism: 'OAUTHBEARER'
      /** URL of a module that exports a TokenProvider named `token`. A function itself stays in its thread: not for worker threads. */
      readonly tokenProvider: string | TokenProvider
    }

export interface KafkaTls {
  /** PEM of the certificate authority; the system's when absent. */
  readonly ca?: string | Buffer | undefined
  /** PEM of the client certificate and its key, for mutual TLS. */
  readonly cert?: string | Buffer | undefined
  readonly key?: string | Buffer | undefined
  readonly servername?: string | undefined
  /** Only for tests and private networks: accept any certificate. */
  readonly rejectUnauthorized?: boolean | undefined
}

/** Everything needed to reach a cluster; plain data (but for a TokenProvider), so that it crosses worker borders. */
export interface KafkaConnectionConfig {
  /** `host:port` of some brokers of the cluster. */
  readonly brokers: readonly string[]
  readonly clientId: string
  readonly tls?: boolean | KafkaTls | undefined
  readonly sasl?: SaslConfig | undefined
  /** Rack of this process: records are fetched from a replica there, where the brokers know of one (KIP-392). */
  readonly rack?: string | undefined
}

export interface BrokerAddress {
  readonly host: string
  readonly port: number
}

/** `host:port`, for maps and messages. */
export function nameOf({ host, port }: BrokerAddress): string {
  return `${host}:${port}`
}

/** Splits `host:port`; IPv6 in brackets. Throws StreamsConfigError. */
export function parseBroker(broker: string): BrokerAddress {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(broker.trim())
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host === undefined || !(port >= 1 && port <= 65535)) {
    throw new StreamsConfigError(`broker "${broker}" is not host:port`)
  }
  return { host, port }
}
