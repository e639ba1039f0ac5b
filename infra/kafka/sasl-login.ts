import type { BrokerConnection } from './broker-connection.ts'
import { call } from './call.ts'
import type { PasswordMechanism, SaslConfig } from './kafka-config.ts'
import { oauthToken } from './oauth-token.ts'
import { loadScram, saslAuthenticateV2, saslHandshakeV1 } from './protocol.ts'
import { ErrorCode, isTransportFailure, KafkaRefusedError, messageOf, rootMessage } from './protocol-error.ts'

/**
 * Logs in on a new connection. Gives how long the broker lets the session live, ms; 0 = for ever.
 * @throws KafkaRefusedError for a wrong password, token or mechanism; KafkaConnectionError when there is no token for now
 */
export async function saslLogin(connection: BrokerConnection, sasl: SaslConfig): Promise<number> {
  const { mechanism } = sasl
  const handshake = await call(saslHandshakeV1.api, connection, mechanism)
  if (handshake.errorCode !== ErrorCode.NONE) {
    throw new KafkaRefusedError(
      `the broker does not accept SASL mechanism ${mechanism}: it accepts ${handshake.mechanisms.join(', ')}`,
    )
  }
  if (sasl.mechanism === 'OAUTHBEARER') return oauthBearer(connection, await oauthToken(sasl.tokenProvider))
  if (sasl.mechanism === 'PLAIN') {
    const token = Buffer.from(`\u0000${sasl.username}\u0000${sasl.password}`)
    return (await authenticate(connection, token)).lifetimeMs
  }
  return scram(connection, sasl.mechanism, sasl.username, sasl.password)
}

/** RFC 7628. A refusal comes as an error text first, which the client must acknowledge. */
async function oauthBearer(connection: BrokerConnection, token: string): Promise<number> {
  const { lifetimeMs, challenge } = await authenticate(
    connection,
    Buffer.from(`n,,\u0001auth=Bearer ${token}\u0001\u0001`),
  )
  if (challenge.length === 0) return lifetimeMs
  await authenticate(connection, Buffer.from('\u0001'))
  throw new KafkaRefusedError(`SASL authentication failed: ${challenge.toString('utf8')}`)
}

async function authenticate(
  connection: BrokerConnection,
  bytes: Buffer,
): Promise<{ readonly lifetimeMs: number; readonly challenge: Buffer }> {
  const answer = await call(saslAuthenticateV2.api, connection, bytes)
  if (answer.errorCode !== ErrorCode.NONE) {
    throw new KafkaRefusedError(`SASL authentication failed: ${answer.errorMessage ?? answer.errorCode}`)
  }
  return { lifetimeMs: Number(answer.sessionLifetimeMs), challenge: answer.authBytes }
}

async function scram(
  connection: BrokerConnection,
  mechanism: Exclude<PasswordMechanism, 'PLAIN'>,
  username: string,
  password: string,
): Promise<number> {
  try {
    const algorithm = mechanism === 'SCRAM-SHA-256' ? 'SHA-256' : 'SHA-512'
    const { authenticate: exchange, defaultCrypto } = await loadScram()
    const answer = await new Promise<{ sessionLifetimeMs: bigint }>((resolve, reject) => {
      // The library's exchange needs no more of a connection than send().
      const library = connection as unknown as Parameters<typeof exchange>[1]
      exchange(saslAuthenticateV2.api, library, algorithm, username, password, defaultCrypto, (error, last) => {
        if (error) reject(error)
        else resolve(last as { sessionLifetimeMs: bigint })
      })
    })
    return Number(answer.sessionLifetimeMs)
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined
    if (isTransportFailure(error) || isTransportFailure(cause)) throw error
    throw new KafkaRefusedError(`${messageOf(error)} ${rootMessage(error)}`.trim(), { cause: error })
  }
}
