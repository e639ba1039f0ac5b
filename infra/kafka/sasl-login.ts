import { saslAuthenticateV2, saslHandshakeV1, saslScramSha } from '@platformatic/kafka'
import type { BrokerConnection } from './broker-connection.ts'
import { call } from './call.ts'
import type { KafkaConnectionConfig } from './kafka-config.ts'
import { ErrorCode, isTransportFailure, KafkaRefusedError, messageOf, rootMessage } from './protocol-error.ts'

/**
 * Logs in on a new connection. Gives how long the broker lets the session live, ms; 0 = for ever.
 * @throws KafkaRefusedError for a wrong password or mechanism
 */
export async function saslLogin(
  connection: BrokerConnection,
  { mechanism, username, password }: NonNullable<KafkaConnectionConfig['sasl']>,
): Promise<number> {
  const handshake = await call(saslHandshakeV1.api, connection, mechanism)
  if (handshake.errorCode !== ErrorCode.NONE) {
    throw new KafkaRefusedError(`SASL mechanism ${mechanism}: the broker takes ${handshake.mechanisms.join(', ')}`)
  }
  if (mechanism === 'PLAIN') {
    const token = Buffer.from(`\u0000${username}\u0000${password}`)
    const answer = await call(saslAuthenticateV2.api, connection, token)
    if (answer.errorCode === ErrorCode.NONE) return Number(answer.sessionLifetimeMs)
    throw new KafkaRefusedError(`SASL authentication failed: ${answer.errorMessage ?? answer.errorCode}`)
  }
  try {
    const algorithm = mechanism === 'SCRAM-SHA-256' ? 'SHA-256' : 'SHA-512'
    const { authenticate, defaultCrypto } = saslScramSha
    const answer = await new Promise<{ sessionLifetimeMs: bigint }>((resolve, reject) => {
      // The library's exchange needs no more of a connection than send().
      const library = connection as unknown as Parameters<typeof authenticate>[1]
      authenticate(saslAuthenticateV2.api, library, algorithm, username, password, defaultCrypto, (error, last) => {
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
