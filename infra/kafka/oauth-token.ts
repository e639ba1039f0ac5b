import { setTimeout as sleep } from 'node:timers/promises'
import type { TokenProvider } from './kafka-config.ts'
import { KafkaConnectionError, KafkaRefusedError, messageOf } from './protocol-error.ts'

const PATIENCE_MS = 10_000
/** RFC 6750: the characters allowed after `Bearer`. They keep the token from breaking out of the message. */
const TOKEN = /^[A-Za-z0-9._~+/-]+=*$/

/**
 * A token from the provider, within 10 s.
 * @throws KafkaConnectionError when the provider fails (tried again); KafkaRefusedError for a module that provides none, and
 * for what is no token
 */
export async function oauthToken(provider: string | TokenProvider): Promise<string> {
  const provide = typeof provider === 'string' ? await load(provider) : provider
  const giveUp = new AbortController()
  let token: unknown
  try {
    token = await Promise.race([provide(), tooLate(giveUp.signal)])
  } catch (error) {
    // Without a cause: people see the innermost message, which would not say what failed.
    throw new KafkaConnectionError(`the token provider gave no SASL token: ${messageOf(error)}`)
  } finally {
    giveUp.abort()
  }
  if (typeof token !== 'string' || !TOKEN.test(token)) {
    throw new KafkaRefusedError('the SASL token provider returned something that is not a bearer token')
  }
  return token
}

async function load(url: string): Promise<TokenProvider> {
  let module: unknown
  try {
    module = await import(url)
  } catch (error) {
    throw new KafkaRefusedError(`token provider ${url} cannot be loaded: ${messageOf(error)}`, { cause: error })
  }
  const token: unknown = Reflect.get(module as object, 'token')
  if (typeof token !== 'function') throw new KafkaRefusedError(`token provider ${url} exports no function token`)
  return token as TokenProvider
}

async function tooLate(signal: AbortSignal): Promise<never> {
  await sleep(PATIENCE_MS, undefined, { signal })
  throw new Error(`the token provider did not answer within ${PATIENCE_MS} ms`)
}
