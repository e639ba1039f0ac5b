import type { API } from '@platformatic/kafka'
import type { BrokerConnection } from './broker-connection.ts'
import { answerOf, KafkaResponseError } from './protocol-error.ts'

/** UNKNOWN_SERVER_ERROR */
const UNKNOWN = -1

/**
 * Sends one request and gives the answer, also one that carries error codes (the caller judges them). Throws only
 * when there is no answer.
 */
export async function call<Arguments extends unknown[], Answer>(
  api: API<Arguments, Answer>,
  connection: BrokerConnection,
  ...args: Arguments
): Promise<Answer> {
  try {
    // The codecs ask nothing of a connection but send().
    return await api.async(connection as unknown as Parameters<typeof api.async>[0], ...args)
  } catch (error) {
    // The library's table of error codes ends at 127; an unknown one makes it throw this.
    if (error instanceof TypeError) throw new KafkaResponseError(`answer to request ${api.key}`, UNKNOWN, error.message)
    const answer = answerOf(error)
    if (answer === undefined) throw error
    return answer as Answer
  }
}
