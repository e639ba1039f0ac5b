/*
 * Entry of a stream thread's worker: its own connections, its own transactional producer, its own stores. It loads all modules, and then
 * waits for the setup.
 * The main thread talks to it by messages (thread-messages.ts), which are served between slices of processing.
 */
import { once } from 'node:events'
import module from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import type { ThreadListener } from '../../runtime/ports/instance-events.ts'
import type { ThreadGet, ThreadPage, ThreadWatch, WatchedRow } from '../../runtime/thread/thread-control.ts'
import { loadApp } from './app-definition.ts'
import { OpenThread } from './open-thread.ts'
import { packError, packEvent } from './sent-error.ts'
import {
  type FromWorker,
  GET_WIDTH,
  type Reply,
  type ThreadRequest,
  type ThreadSetup,
  type ToWorker,
  type WorkerBirth,
} from './thread-messages.ts'

const { index, app, setup: setups } = workerData as WorkerBirth
if (parentPort === null) throw new Error('thread-worker.ts runs in a worker only')
const port = parentPort
const loading = loadApp(app)
loading.catch(() => undefined) // awaited below, once there is somebody to hear it
const [setup] = (await once(setups, 'message')) as [ThreadSetup]
const send = (message: FromWorker): void => port.postMessage(message)
const onEvent: ThreadListener = (event) => send({ type: 'event', event: packEvent(event) })

const opened = await OpenThread.open(setup, {
  index,
  app: await loading,
  onEvent,
})
const { thread } = opened

const watched = new Map<number, WatchedRow>()

async function watch(number: number, read: ThreadWatch | ThreadPage): Promise<WatchedRow['first'] | null> {
  // Answers and changes take the same way, in their order.
  const row = await thread.watch(read, (changed) => reply({ watch: number, row: changed }))
  if (row === null) return null
  watched.set(number, row)
  return row.first
}

async function unwatch(number: number): Promise<void> {
  watched.get(number)?.remove()
  watched.delete(number)
}

async function assign({ active, standby, group }: Extract<ThreadRequest, { type: 'assign' }>): Promise<void> {
  await thread.assign(active, standby, group)
  // Otherwise it is written at a clean end only, and after kill -9 the next start would compile again. Soon done when nothing is new.
  // Node 20 has no such cache.
  module.flushCompileCache?.()
}

function serve(request: ThreadRequest): Promise<unknown> {
  switch (request.type) {
    case 'assign':
      return assign(request)
    case 'lost':
      return thread.lost()
    case 'close':
      return opened.close(request.timeoutMs)
    case 'pause':
      return thread.setPaused(request.isPaused)
    case 'budget':
      return Promise.resolve(opened.setBudget(request.budget))
    case 'watch':
      return watch(request.watch, request.read)
    case 'unwatch':
      return unwatch(request.watch)
    case 'metrics':
      return opened.metrics()
    default:
      return thread.ask(request)
  }
}

let replies: Reply[] = []
const reply = (one: Reply): void => {
  // Immediate replies go back in one message.
  if (replies.length === 0) process.nextTick(sendReplies)
  replies.push(one)
}
const sendReplies = (): void => {
  const ready = replies
  replies = []
  if (ready.length > 0) sendAnswers(ready, [])
}

/** Answered on the spot, behind what is ready already. */
function serveGets(gets: readonly unknown[]): void {
  const gots: unknown[] = []
  for (let at = 0; at < gets.length; at += GET_WIDTH) {
    const [id, taskId, store, key, role, asJson] = gets.slice(at, at + GET_WIDTH)
    try {
      const answer = thread.read({ taskId, store, key, role, asJson } as ThreadGet)
      gots.push(id, answer !== null, answer?.result, answer?.lag)
    } catch (error) {
      replies.push({ id: id as number, error: packError(error) })
    }
  }
  const ready = replies
  replies = []
  sendAnswers(ready, gots)
}

function sendAnswers(ready: readonly Reply[], gots: readonly unknown[]): void {
  send({ type: 'replies', replies: ready, gots })
}

port.on('message', ({ requests, gets }: ToWorker) => {
  if (gets.length > 0) serveGets(gets)
  for (const { id, request } of requests) {
    serve(request).then(
      (value) => reply({ id, value }),
      (error: unknown) => reply({ id, error: packError(error) }),
    )
  }
})

const failure = await opened.stopped
send({ type: 'stopped', error: failure === null ? null : packError(failure) })
port.close()
