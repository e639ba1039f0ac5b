import { readFile } from 'node:fs/promises'

/** Linux clock ticks per second: 100 on every supported platform. */
const TICKS = 100

export interface ProcessUsage {
  /** User and system time of all threads since the start, seconds. */
  readonly cpuSeconds: number
  /** Resident size now, MiB. */
  readonly rssMiB: number
  /** Greatest resident size since the start, MiB. */
  readonly peakRssMiB: number
}

/** Reads /proc: Linux only. */
export async function processUsage(pid: number): Promise<ProcessUsage> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const mib = (name: string): number =>
    Math.round(Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1] ?? '0') / 1024)
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS,
    rssMiB: mib('VmRSS'),
    peakRssMiB: mib('VmHWM'),
  }
}
