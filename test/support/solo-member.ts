import type { KafkaCluster } from '../../infra/kafka/kafka.ts'
import type { GroupMetadata } from '../../runtime/ports/log.ts'

/** Joins a group that has no other member; gives its metadata, as a commit asks for it. */
export async function soloMember(kafka: KafkaCluster, groupId: string): Promise<() => GroupMetadata> {
  const membership = kafka.membership({
    groupId,
    groupInstanceId: null,
    info: { processId: 'solo', transactionalIds: [], threads: 1, applicationServer: null, topology: 't' },
    tasks: [],
  })
  let fatal: Error | null = null
  const onFatal = (error: Error) => {
    fatal = error
  }
  await membership.join({
    report: async () => ({ active: [], lags: {} }),
    onAssigned: async () => {},
    onLost: async () => {},
    onFatal,
  })
  return () => {
    const current = membership.current()
    if (current === null) throw new Error('not a member', { cause: fatal })
    return current
  }
}
