import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { holdDataDirectory } from '../../../infra/local-kafka/held-directory.ts'
import { holderOf, ProcessLock, withProcessLock } from '../../../infra/local-kafka/process-lock.ts'

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'process-lock-'))
})

afterEach(() => rm(directory, { recursive: true, force: true }))

it('of many that take a lock at once one gets it, and the others read who has it', async () => {
  const path = join(directory, 'lock')
  const taken = await Promise.all(Array.from({ length: 8 }, () => ProcessLock.take(path, { url: 'http://here/' })))
  const held = taken.filter((lock) => lock !== null)
  expect(held).toHaveLength(1)
  expect(await holderOf(path)).toEqual({ pid: process.pid, url: 'http://here/' })
  await held[0]?.release()
  const next = await ProcessLock.take(path)
  expect(next).not.toBeNull()
  await next?.release()
})

it('the lock of a process that was killed is free, whoever has its process id now', async () => {
  const path = join(directory, 'lock')
  const module = join(import.meta.dirname, '../../../infra/local-kafka/process-lock.ts')
  const program = `const { ProcessLock } = await import(${JSON.stringify(module)})
    await ProcessLock.take(${JSON.stringify(path)}); console.log('held'); setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  expect(await ProcessLock.take(path)).toBeNull()
  expect(await holderOf(path)).toEqual({ pid: child.pid })
  child.kill('SIGKILL')
  await once(child, 'exit')
  // Its note is still there, and is nobody's.
  expect(await holderOf(path)).toBeNull()
  const lock = await ProcessLock.take(path)
  expect(lock).not.toBeNull()
  await lock?.release()
})

it('work under one lock is never done twice at a time', async () => {
  const path = join(directory, 'lock')
  let working = 0
  let waits = 0
  const work = async () => {
    expect(++working).toBe(1)
    await new Promise((resolve) => setImmediate(resolve))
    working--
  }
  await Promise.all(Array.from({ length: 3 }, () => withProcessLock(path, () => waits++, work)))
  expect(waits).toBe(2)
})

it('a second start on a data directory says at once who has it', async () => {
  const held = await holdDataDirectory(directory)
  await expect(holdDataDirectory(directory)).rejects.toMatchObject({
    code: 'LOCAL_KAFKA',
    message: expect.stringContaining(`process ${process.pid} runs a Kafka on ${directory}`),
  })
  await held.release()
})
