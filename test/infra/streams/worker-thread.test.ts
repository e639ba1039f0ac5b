import { expect, it } from 'vitest'
import { WorkerThread } from '../../../infra/streams/worker-thread.ts'
import { THREAD_SETUP } from '../../support/thread-setup.ts'

function newThread(module: string): WorkerThread {
  const app = { module: new URL(module, import.meta.url).href, options: { applicationId: 'test' } }
  return new WorkerThread({ index: 3, app, youngGenerationBytes: 16 * 1024 * 1024 }, () => undefined)
}

it('a stream thread that has not begun can be discarded', async () => {
  const thread = newThread('no-such-module.ts')
  await thread.discard()
  await thread.stopped
  expect(thread.isReady()).toBe(false)
})

it('a stream thread whose module cannot be loaded stops with that error when it begins', async () => {
  const thread = newThread('no-such-module.ts')
  thread.begin(THREAD_SETUP)
  expect((await thread.stopped)?.message).toMatch(/Cannot find module .*no-such-module\.ts/)
})

it('answers requests that were sent before the thread had loaded its modules', async () => {
  const thread = newThread('slow-to-load.ts')
  thread.begin(THREAD_SETUP)
  expect(await thread.ask({ type: 'positions' })).toEqual([])
  await thread.close()
  expect(await thread.stopped).toBeNull()
})
