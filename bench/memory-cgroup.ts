import { access, mkdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** A control group with a memory limit: what a container is to the programs in it. */
export interface MemoryCgroup {
  readonly directory: string
  /** Whether the kernel killed a process in it for want of memory. */
  wasKilled(): Promise<boolean>
  remove(): Promise<void>
}

const V1 = '/sys/fs/cgroup/memory'
const V2 = '/sys/fs/cgroup'

/**
 * Needs root on Linux; cgroup v1 or v2.
 * @throws the file system's error where groups cannot be made
 */
export async function makeMemoryCgroup(name: string, limitBytes: number): Promise<MemoryCgroup> {
  const isV1 = await access(join(V1, 'memory.limit_in_bytes')).then(
    () => true,
    () => false,
  )
  const directory = join(isV1 ? V1 : V2, name)
  await mkdir(directory)
  await writeFile(join(directory, isV1 ? 'memory.limit_in_bytes' : 'memory.max'), String(limitBytes))
  const events = join(directory, isV1 ? 'memory.oom_control' : 'memory.events')
  return {
    directory,
    wasKilled: async () => /oom_kill [1-9]/.test(await readFile(events, 'utf8')),
    remove: () => rmdir(directory),
  }
}
