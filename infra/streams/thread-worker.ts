/*
 * Entry of a stream thread's worker: its own connections, its own transactional producer, its own stores. It loads all modules, and then
 * waits for the setup.
 * The main thread talks to it by messages (thread-messages.ts), which are served between slices of processing.
 */
import { once } from 'node:events'
import { flushCompileCache } from 'node:module'
import { parentPort, workerData } from 'node:worker_threads'
import type { ThreadListener } from '../../runtime/ports/instance-events.ts'
import type { MetricFamily } from '../../runtime/ports/metrics.ts'
import type { StoreOpener } from '../../runtime/task/task-stores.ts'
import { LocalThread } from '../../runtime/thread/local-thread.ts'
import type { ThreadGet, ThreadWatch, WatchedRow } from '../../runtime/thread/thread-control.ts'
import { levelBackends } from '../../state/backends/level.ts'
import { memoryBackends } from '../../state/backends/memory.ts'
import { writeBehind } from '../../state/backends/write-behind.ts'
import { backendOptions, createStore } from '../../state/create-store.ts'
import { CacheBudget } from '../../state/layers/cache-budget.ts'
import { StoreCorruptedError } from '../../state/ports/errors.ts'
import { connectKafka } from '../kafka/kafka.ts'
import { threadMemory } from '../metrics/thread-memory.ts'
import type { Tracing } from '../tracing/otel-tracing.ts'
import { loadApp } from './app-definition.ts'
import { instanceClock } from './real-clock.ts'
import { packError, packEvent } from './sent-error.ts'
import {
  type FromWorker,
  GET_WIDTH,
  type Reply,
  type ThreadRequest,
  type ToWorker,
  type WorkerBirth,
  type WorkerSetup,
} from './thread-messages.ts'

const { index, app, setup: setups } = workerData as WorkerBirth
if (parentPort === null) throw new Error('thread-worker.ts runs in a worker only')
const port = parentPort
const loading = loadApp(app)
loading.catch(() => undefined) // awaited below, once there is somebody to hear it
const [setup] = (await once(setups, 'message')) as [WorkerSetup]
const send = (message: FromWorker): void => port.postMessage(message)
const onEvent: ThreadListener = (event) => send({ type: 'event', event: packEvent(event) })

// In memory, too, what a closed store held stays for the time the task comes back, or a standby is made active.
const backends =
  setup.stateBackend === 'level'
    ? writeBehind(levelBackends(setup.stateDirectory, { sizes: setup.levelSizes }))
    : memoryBackends({ durable: true })
const cache = new CacheBudget(setup.config.cacheMaxBytes)

/** A store that cannot be read is rebuilt from its changelog: only that one is wiped. */
const openStore: StoreOpener = async (taskId, spec, context) => {
  const options = backendOptions(spec)
  let backend: Awaited<ReturnType<typeof backends.open>>
  try {
    backend = await backends.open(taskId, spec.name, options)
  } catch (error) {
    if (!(error instanceof StoreCorruptedError)) throw error
    onEvent({ type: 'recovered', error, tasks: [taskId] })
    await backends.destroy(taskId, spec.name)
    backend = await backends.open(taskId, spec.name, options)
  }
  return createStore(spec, backend, context, { cache })
}

// Less waits in memory, and the garbage collector has less to copy; the next fetch is in flight anyway.
const SMALL_FETCHES = { partitionMaxBytes: 256 * 1024, fetchMaxBytes: 2 * 1024 * 1024 }

/** Not even loaded when nothing is traced. */
async function openTracing(): Promise<Tracing | null> {
  if (setup.tracing === null) return null
  const otel = await import('../tracing/otel-tracing.ts')
  return otel.openTracing(setup.tracing, (error) => onEvent({ type: 'traces-lost', error }))
}

const tracing = await openTracing()
const kafka = connectKafka(setup.kafka)
const thread = new LocalThread({
  index,
  ...(await loading),
  config: setup.config,
  partitions: setup.partitions,
  reader: kafka.reader(SMALL_FETCHES),
  newRestoreReader: () => kafka.reader({}),
  writer: kafka.writer({
    transactionalId: setup.transactionalId,
    transactionTimeoutMs: setup.transactionTimeoutMs,
    compression: setup.compression,
    topics: [...setup.partitions.keys()],
  }),
  admin: kafka.admin(),
  clock: instanceClock,
  openStore,
  ...(tracing && { tracer: tracing.tracer }),
  onEvent,
  onReadsChanged: () => Atomics.add(setup.readsVersion, 0, 1),
})

const watched = new Map<number, WatchedRow>()

async function watch(number: number, read: ThreadWatch): Promise<WatchedRow['first'] | null> {
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

async function metrics(): Promise<readonly MetricFamily[]> {
  return [...(await thread.metrics()), ...threadMemory(index)]
}

/** Without its connections nothing waits for brokers any more: the last commit fails, and the tasks are closed without it. */
async function close(): Promise<void> {
  const patience = setTimeout(() => void kafka.abandon(), setup.closeTimeoutMs)
  await thread.close()
  clearTimeout(patience)
}

async function assign({ active, standby, group }: Extract<ThreadRequest, { type: 'assign' }>): Promise<void> {
  await thread.assign(active, standby, group)
  // Otherwise it is written at a clean end only, and after kill -9 the next start would compile again. Soon done when nothing is new.
  flushCompileCache()
}

function serve(request: ThreadRequest): Promise<unknown> {
  switch (request.type) {
    case 'assign':
      return assign(request)
    case 'lost':
      return thread.lost()
    case 'close':
      return close()
    case 'watch':
      return watch(request.watch, request.read)
    case 'unwatch':
      return unwatch(request.watch)
    case 'metrics':
      return metrics()
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
  send({ type: 'replies', replies: ready, gots, version: Atomics.load(setup.readsVersion, 0) })
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

const failure = await thread.stopped
await kafka.close()
await tracing?.close()
send({ type: 'stopped', error: failure === null ? null : packError(failure) })
port.close()
