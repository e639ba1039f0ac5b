import { connectKafka } from '../kafka/kafka.ts'
import type { KafkaConnectionConfig } from '../kafka/kafka-config.ts'

/** A start that has failed ends soon: when nobody answers, the group expels the member at the end of its session. */
const LEAVE_TIMEOUT_MS = 1000

/**
 * Takes a process out of the group that has no connection to it any more: its start failed, or an earlier life of it was killed.
 * The caller holds the lock of its state directory, so nobody else is that process. Never rejects: the session timeout does the same.
 */
export async function leaveGroup(connection: KafkaConnectionConfig, groupId: string, processId: string): Promise<void> {
  const kafka = connectKafka(connection)
  const tooLate = setTimeout(() => void kafka.close(), LEAVE_TIMEOUT_MS)
  try {
    const member = { memberId: '', groupInstanceId: processId }
    await kafka.admin({ timeoutMs: LEAVE_TIMEOUT_MS }).removeMembers(groupId, [member])
  } catch {
    // The start has an error of its own to tell.
  } finally {
    clearTimeout(tooLate)
    await kafka.close()
  }
}
