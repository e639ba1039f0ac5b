import { parseTaskId } from '../../runtime/task/task-id.ts'
import type { TaskPosition } from '../../runtime/thread/thread-control.ts'
import { diskBackendOf, diskBackends } from '../../state/backends/disk-backends.ts'
import type { BackendFactory, StateBackend } from '../../state/ports/backend.ts'
import { StoreCorruptedError } from '../../state/ports/errors.ts'
import type { StateDirectory } from '../../state/state-directory.ts'
import type { Plan } from '../../topology/plan.ts'

/** How far the stores reach that earlier runs left in the directory. Read once, before any thread has them open. */
export async function leftOverState(
  directory: StateDirectory,
  plan: Plan,
  byDefault: StateBackend,
): Promise<readonly TaskPosition[]> {
  const found = await Promise.all(
    (await directory.taskIds()).map(async (taskId): Promise<TaskPosition> => {
      const { subtopology, partition } = parseTaskId(taskId)
      const stores = plan.subtopologies.find(({ id }) => id === subtopology)?.stores ?? []
      const changelogs = stores.map(async ({ spec, changelogTopic }) => {
        // Where stores of other kinds stand is known when they are opened.
        const kind = diskBackendOf(spec, byDefault)
        if (changelogTopic === null || kind === null) return []
        const backends = diskBackends(kind, directory.path, { checksTables: false })
        return [{ topic: changelogTopic, partition, position: await positionOf(backends, taskId, spec.name) }]
      })
      return { taskId, changelogs: (await Promise.all(changelogs)).flat() }
    }),
  )
  return found.filter(({ changelogs }) => changelogs.length > 0)
}

async function positionOf(backends: BackendFactory, taskId: string, store: string): Promise<number> {
  try {
    const backend = await backends.open(taskId, store, { keyIndex: false })
    const position = backend.position() ?? 0
    await backend.close()
    return position
  } catch (error) {
    if (!(error instanceof StoreCorruptedError)) throw error
    return 0 // the instance that opens the task will rebuild it
  }
}
