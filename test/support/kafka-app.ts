import type { KafkaCluster } from '../../infra/kafka/kafka.ts'
import { realClock } from '../../infra/streams/real-clock.ts'
import { layOverCluster } from '../../runtime/instance/cluster-plan.ts'
import { RunningInstance } from '../../runtime/instance/running-instance.ts'
import { DEFAULT_STREAMS_CONFIG } from '../../runtime/instance/streams-config.ts'
import type { Clock } from '../../runtime/ports/clock.ts'
import type { ThreadListener } from '../../runtime/ports/instance-events.ts'
import { LocalThread } from '../../runtime/thread/local-thread.ts'
import { memoryBackends } from '../../state/backends/memory.ts'
import { backendOptions, createStore } from '../../state/create-store.ts'
import type { BackendFactory } from '../../state/ports/backend.ts'
import type { Plan } from '../../topology/plan.ts'

export interface KafkaAppOptions {
  readonly kafka: KafkaCluster
  readonly plan: Plan
  /** Default: one of its own, in memory. */
  readonly disk?: BackendFactory
  readonly clock?: Clock
  readonly onEvent?: ThreadListener
}

/** One instance with one thread on a real Kafka, in this process. */
export async function startKafkaApp({
  kafka,
  plan,
  disk = memoryBackends({ durable: false }),
  clock = realClock,
  onEvent = () => undefined,
}: KafkaAppOptions): Promise<RunningInstance> {
  const { applicationId } = plan
  const admin = kafka.admin()
  const { partitions, tasks, inputs } = await layOverCluster(plan, admin)
  const transactionalId = `${applicationId}-0`
  const newThread = (index: number): LocalThread =>
    new LocalThread({
      index,
      plan,
      partitions,
      admin,
      clock,
      config: { ...DEFAULT_STREAMS_CONFIG, applicationId },
      reader: kafka.reader(),
      newRestoreReader: () => kafka.reader(),
      writer: kafka.writer({ transactionalId }),
      openStore: async (taskId, spec, context) =>
        createStore(spec, await disk.open(taskId, spec.name, backendOptions(spec)), context),
      onEvent,
    })
  const membership = kafka.membership({
    groupId: applicationId,
    groupInstanceId: null,
    info: { processId: 'p', transactionalIds: [transactionalId], threads: 1, applicationServer: null, topology: 't' },
    tasks,
  })
  const instance = new RunningInstance({
    plan,
    tasks,
    inputs,
    processId: 'p',
    // It sleeps between two looks at the input topics: here it looks ten times as often.
    clock: { ...clock, sleep: (ms) => clock.sleep(ms / 10) },
    threads: 1,
    newThread,
    membership,
    admin: kafka.admin({ timeoutMs: 2000 }),
  })
  await instance.start()
  return instance
}
