import type { Scheduler } from '../../../runtime/simulation/scheduler.ts'
import { memoryBackends } from '../../../state/backends/memory.ts'
import type { BackendFactory, BackendOptions, StoreBackend } from '../../../state/ports/backend.ts'
import type { Random } from '../../support/random.ts'

/** A process uses its disk through this. */
export interface DiskUser {
  readonly client: string
  readonly scheduler: Scheduler
  readonly random: Random
  /** Called for forbidden actions of a process. */
  readonly onViolation: (what: string) => void
}

/** Some writes take a while: the process may die, or others may continue, before they are done. */
const SLOW_WRITES = 0.3

/** The disk of a machine, which outlives its processes. A store may be open once at a time in a process. */
export class SimulatedDisk {
  readonly files: BackendFactory = memoryBackends({ durable: true })
  readonly taskIds = new Set<string>()

  /** The disk as a new process sees it: handles of an earlier process are gone. */
  mountedBy(user: DiskUser): BackendFactory {
    const open = new Set<string>()
    return {
      open: async (taskId, storeName, options) => {
        const name = `${taskId}/${storeName}`
        if (open.has(name)) user.onViolation(`${user.client} has ${name} open twice`)
        open.add(name)
        this.taskIds.add(taskId)
        return await this.#open(taskId, storeName, options, user, () => open.delete(name))
      },
      destroy: (taskId, storeName) => this.files.destroy(taskId, storeName),
    }
  }

  async #open(
    taskId: string,
    storeName: string,
    options: BackendOptions,
    { client, scheduler, random }: DiskUser,
    onClosed: () => void,
  ): Promise<StoreBackend> {
    const backend = await this.files.open(taskId, storeName, options)
    const write: StoreBackend['write'] = async (...args) => {
      if (random.chance(SLOW_WRITES)) await scheduler.local(client, 'disk')
      await backend.write(...args)
    }
    const close: StoreBackend['close'] = async () => {
      await backend.close()
      onClosed()
    }
    return {
      get: (key) => backend.get(key),
      keys: (range) => backend.keys(range),
      scan: (range) => backend.scan(range),
      position: () => backend.position(),
      note: () => backend.note(),
      approximateEntries: () => backend.approximateEntries(),
      clear: () => backend.clear(),
      write,
      close,
    }
  }
}
