import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, it } from 'vitest'
import { isAlive } from '../../../infra/local-kafka/file-lock.ts'

interface Told {
  readonly pid: number
  readonly dataDir: string
}

async function startOwner(): Promise<{ owner: ChildProcess; told: Told }> {
  const script = join(import.meta.dirname, 'owner-that-dies.ts')
  const owner = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = (await once(createInterface({ input: owner.stdout }), 'line')) as [string]
  return { owner, told: JSON.parse(line) as Told }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20))
}

it.each(['SIGKILL', 'SIGINT'] as const)(
  'leaves no broker and no files behind when its owner dies of %s',
  async (signal) => {
    const { owner, told } = await startOwner()
    expect(isAlive(told.pid)).toBe(true)
    expect(existsSync(told.dataDir)).toBe(true)
    owner.kill(signal)
    await once(owner, 'exit')
    await until(() => !isAlive(told.pid))
    await until(() => !existsSync(told.dataDir))
  },
)
