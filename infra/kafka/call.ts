import type { BrokerConnection } from './broker-connection.ts'
import type { API } from './protocol.ts'
import { answerOf, KafkaResponseError } from './protocol-error.ts'

/** UNKNOWN_SERVER_ERROR */
const UNKNOWN = -1

/** Sends one request and returns the answer, even with error codes (the caller judges them). Throws only without an answer. */
export async function call<Arguments extends unknown[], Answer>(
  api: API<Arguments, Answer>,
  connection: BrokerConnection,
  ...args: Arguments
): Promise<Answer> {
  try {
    // The codecs need only send() of a connection.
    return await api.async(connection as unknown as Parameters<typeof api.async>[0], ...args)
  } catch (error) {
    // The library's table of error codes ends at 127; an unknown one makes it throw this.
    if (error instanceof TypeError) throw new KafkaResponseError(`answer to request ${api.key}`, UNKNOWN, error.message)
    const answer = answerOf(error)
    if (answer === undefined) throw error
    return answer as Answer
  }
}
