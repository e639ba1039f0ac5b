import { memoryBackends } from '../../state/backends/memory.ts'
import { backendOptions, createStore } from '../../state/create-store.ts'
import type { Plan } from '../../topology/plan.ts'
import type { StreamsConfig } from '../instance/streams-config.ts'
import { PoisonedRecords } from '../task/poisoned-records.ts'
import type { RecordedAnswers } from '../task/recorded-answers.ts'
import { taskId } from '../task/task-id.ts'
import { Rebuild } from './rebuild.ts'

/** Nothing is processed, so no call asks for its end. */
const NO_ANSWERS: RecordedAnswers = {
  of: () => ({ take: () => 'unanswered', giveBack: () => undefined, sequenceOf: () => null }),
}

/**
 * Opens the processors of one task of each subtopology over empty stores in memory, and closes them. Only processors themselves tell
 * which global tables they read.
 * @throws StreamsTopologyError when one reads a global table
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
    answers: NO_ANSWERS,
  })
  await rebuild.close()
}
