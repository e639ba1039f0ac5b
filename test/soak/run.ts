import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { startJarBroker } from '../../infra/local-kafka/jar-broker.ts'
import { AppProcess } from '../support/app-process.ts'
import { parseMetrics } from '../support/metrics-text.ts'
import { resultOf, runCli, spawnCli } from '../support/run-cli.ts'
import { cHeapsMiB, growth, type MemorySample, median, phases, sparkline } from './memory-course.ts'

/*
 * npm run soak -- --minutes N --rate R: one instance with all processors under constant load, seen from outside. Prints how memory,
 * open files and lag go over time, then lets `verify` compare stores and outputs with the input. Exit code 1 when memory still grows in
 * the last third, or anything differs.
 */

const SAMPLE_MS = 5000
const ROWS = 10
/** Garbage comes and goes: medians of thirds differ by some percent on a machine that others use too. */
const MOST_GROWTH = 0.1

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '30' }, rate: { type: 'string', default: '1000' } },
})
const durationMs = Number(values.minutes) * 60_000
const say = (line: string): void => void process.stdout.write(`${line}\n`)

async function look(app: AppProcess, began: number): Promise<MemorySample> {
  const [metrics, lag, status, maps, files] = await Promise.all([
    fetch(`${app.url}/metrics`).then((response) => response.text()),
    fetch(`${app.url}/lag`).then((response) => response.json() as Promise<{ total: number }>),
    readFile(`/proc/${app.pid}/status`, 'utf8'),
    readFile(`/proc/${app.pid}/smaps`, 'utf8'),
    readdir(`/proc/${app.pid}/fd`),
  ])
  const lines = parseMetrics(metrics)
  const sum = (...names: string[]) =>
    lines.reduce((all, { name, value }) => all + (names.includes(name) ? value : 0), 0)
  const resident = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024
  return {
    atMs: performance.now() - began,
    rssMiB: resident('VmRSS'),
    anonMiB: resident('RssAnon'),
    fileMiB: resident('RssFile'),
    heapMiB: sum('nodejs_heap_size_used_bytes', 'stream_thread_heap_used_bytes') / 2 ** 20,
    heldHeapMiB: sum('nodejs_heap_size_total_bytes', 'stream_thread_heap_total_bytes') / 2 ** 20,
    externalMiB: sum('nodejs_external_memory_bytes', 'stream_thread_external_bytes') / 2 ** 20,
    cHeapsMiB: cHeapsMiB(maps),
    openFiles: files.length,
    processed: sum('records_processed_total'),
    lag: lag.total,
  }
}

const CHARTS: ReadonlyArray<readonly [string, (sample: MemorySample) => number]> = [
  ['anonymous', ({ anonMiB }) => anonMiB],
  ['files', ({ fileMiB }) => fileMiB],
  ['heaps held', ({ heldHeapMiB }) => heldHeapMiB],
  ['C heaps', ({ cHeapsMiB }) => cHeapsMiB],
]

function table(samples: readonly MemorySample[]): string {
  const head = [
    'minutes',
    'RSS MiB',
    'anonymous',
    'files',
    'heaps used',
    'held',
    'buffers',
    'native',
    'open files',
    'events/s',
    'most lag',
  ]
  const rows = new Table({ head, style: { head: [], border: [] }, colAligns: head.map(() => 'right') })
  for (const { fromMs, toMs, samples: some } of phases(samples, ROWS)) {
    const [first, last] = [some[0], some.at(-1)]
    if (first === undefined || last === undefined) continue
    const perSecond = (last.processed - first.processed) / Math.max(1, (last.atMs - first.atMs) / 1000)
    rows.push([
      `${(fromMs / 60_000).toFixed(1)}-${(toMs / 60_000).toFixed(1)}`,
      ...[
        median(some.map((s) => s.rssMiB)),
        median(some.map((s) => s.anonMiB)),
        median(some.map((s) => s.fileMiB)),
        median(some.map((s) => s.heapMiB)),
        median(some.map((s) => s.heldHeapMiB)),
        median(some.map((s) => s.externalMiB)),
        median(some.map((s) => s.cHeapsMiB)),
      ].map((mib) => mib.toFixed(0)),
      String(median(some.map((s) => s.openFiles))),
      perSecond.toFixed(0),
      String(Math.max(...some.map((s) => s.lag))),
    ])
  }
  return rows.toString()
}

async function main(): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'ride-soak-'))
  const broker = await startJarBroker({ dataDir: join(directory, 'broker') })
  const env = { KAFKA_BROKERS: broker.bootstrap, APPLICATION_ID: 'soak', STATE_DIR: join(directory, 'state') }
  const created = await runCli(['topics', 'create', '--keep-forever'], env)
  if (created.code !== 0) throw new Error(created.stderr)
  const app = await AppProcess.start(env)
  try {
    await app.ready()
    const load = spawnCli(
      ['simulate', '--source', 'synthetic', '--rate', `${values.rate}/s`, '--trips', '100000000', '--drivers', '2000'],
      env,
    )
    const loaded = resultOf(load)
    const samples: MemorySample[] = []
    for (const began = performance.now(); performance.now() - began < durationMs; ) {
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS))
      samples.push(await look(app, began))
      if (load.exitCode !== null) throw new Error(`the load ended: ${(await loaded).stderr}`)
    }
    load.kill('SIGTERM')
    await loaded
    say(table(samples))
    for (const [name, of] of CHARTS) say(`${name.padEnd(13)} MiB ${sparkline(samples, 60, of)}`)
    while ((await look(app, 0)).lag > 0) await new Promise((resolve) => setTimeout(resolve, 200))
    const verified = await runCli(['verify'], env)
    say(verified.stdout.trimEnd())
    if (verified.code !== 0) say(verified.stderr)
    const rss = growth(samples, ({ rssMiB }) => rssMiB)
    const anon = growth(samples, ({ anonMiB }) => anonMiB)
    const heap = growth(samples, ({ heapMiB }) => heapMiB)
    const percent = (share: number): string => `${(share * 100).toFixed(1)} %`
    say(
      `last third against the middle one: RSS ${percent(rss)}, anonymous ${percent(anon)}, heaps used ${percent(heap)}; verify exits with ${verified.code}`,
    )
    return anon <= MOST_GROWTH && heap <= MOST_GROWTH && verified.code === 0 ? 0 : 1
  } finally {
    await app.end('SIGTERM')
    await broker.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

process.exitCode = await main()
