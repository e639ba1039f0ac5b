import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'

/**
 * Names the time from one start of this machine to the next, for StateDirectory. Where the operating system has no such name it is
 * always the same, and a restart of the machine goes unnoticed.
 */
export async function bootId(): Promise<string> {
  try {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  } catch {
    return process.platform === 'darwin' ? await darwinBootId() : UNKNOWN
  }
}

const UNKNOWN = 'unknown'

async function darwinBootId(): Promise<string> {
  try {
    return (await promisify(execFile)('sysctl', ['-n', 'kern.bootsessionuuid'])).stdout.trim()
  } catch {
    return UNKNOWN
  }
}
