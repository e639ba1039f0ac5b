import { memoryBackends } from '../../state/backends/memory.ts'
import { backendOptions, createStore } from '../../state/create-store.ts'
import type { Plan } from '../../topology/plan.ts'
import type { StreamsConfig } from '../instance/streams-config.ts'
import { PoisonedRecords } from '../task/poisoned-records.ts'
import { taskId } from '../task/task-id.ts'
import { Rebuild } from './rebuild.ts'

/**
 * Opens the processors of one task of each subtopology over empty stores in memory, and closes them. Only processors themselves tell
 * which global tables they read.
 * @throws as Rebuild.open() without the rows of global tables
 */
export async function tryProcessors(plan: Plan, config: StreamsConfig): Promise<void> {
  const backends = memoryBackends()
  const rebuild = await Rebuild.open({
    plan,
    config,
    taskIds: plan.subtopologies.map(({ id }) => taskId(id, 0)),
    partitions: new Map(plan.subtopologies.flatMap(({ sourceTopics }) => sourceTopics.map((topic) => [topic, 1]))),
    input: [],
    tickEnd: () => 0,
    openStore: async (task, spec, context) =>
      createStore(spec, await backends.open(task, spec.name, backendOptions(spec)), context),
    onOutput: () => undefined,
    onChangelog: () => undefined,
    poisoned: new PoisonedRecords(),
  })
  await rebuild.close()
}
