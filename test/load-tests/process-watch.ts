import { processUsage } from '../../bench/process-usage.ts'

/** A process that is watched; its pid is null while it is away. */
export interface WatchedProcess {
  readonly name: string
  readonly kind: 'broker' | 'instance' | 'load'
  readonly pid: () => number | null
}

export interface ProcessSample {
  /** Ms since time 0. */
  readonly atMs: number
  readonly name: string
  readonly kind: WatchedProcess['kind']
  /** 100 = one core, since the sample before. */
  readonly cpuPercent: number
  readonly rssMiB: number
}

interface Look {
  readonly pid: number
  readonly at: number
  readonly cpuSeconds: number
}

/*
 * Owns what /proc told about the processes of the run at the last look.
 * 1. A share of CPU lies between two looks at one process: a new process has none at its first look.
 */
export class ProcessWatch {
  readonly #processes: readonly WatchedProcess[]
  readonly #last = new Map<string, Look>()

  constructor(processes: readonly WatchedProcess[]) {
    this.#processes = processes
  }

  async look(atMs: number): Promise<readonly ProcessSample[]> {
    const samples = await Promise.all(this.#processes.map((process) => this.#lookAt(process, atMs)))
    return samples.filter((sample) => sample !== null)
  }

  async #lookAt({ name, kind, pid }: WatchedProcess, atMs: number): Promise<ProcessSample | null> {
    const id = pid()
    const usage = id === null ? null : await processUsage(id).catch(orNullWhenGone)
    if (id === null || usage === null) return null
    const { cpuSeconds, rssMiB } = usage
    const at = performance.now()
    const last = this.#last.get(name)
    this.#last.set(name, { pid: id, at, cpuSeconds })
    if (last?.pid !== id) return null
    return { atMs, name, kind, rssMiB, cpuPercent: (100_000 * (cpuSeconds - last.cpuSeconds)) / (at - last.at) }
  }
}

/** It has ended since it was named. */
function orNullWhenGone(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'ESRCH') return null
  throw error
}
