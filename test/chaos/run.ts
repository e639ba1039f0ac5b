import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { atEndOfTestProcess } from '../support/at-end-of-test.ts'
import { type ChaosOptions, chaosOptions, commandOf, USAGE, UsageError } from './chaos-options.ts'
import { chaosRound, type RoundProgress, type RoundResult } from './chaos-round.ts'
import { faultLine, faultTable, isClean, roundLine } from './report.ts'
import { RIDE_STREAMS } from './ride-streams-program.ts'
import { ridesSubject } from './rides-subject.ts'
import type { Subject } from './subject.ts'
import { topologiesSubject } from './topologies/topologies-subject.ts'

/*
 * npm run chaos: faults on real brokers under constant load, judged by the oracle. RELIABILITY.md tells what was measured.
 * A run is a row of rounds, each from empty brokers to its judgement, so that memory stays bounded and a failure is
 * repeated by the one round it is in. Exit code 1 when anything is lost, duplicated or wrong, or nothing moves any more.
 * Programs and brokers are in groups of their own: Ctrl-C reaches only this process.
 */

/** A lone broker is down for up to so long. */
const MAX_BROKER_DOWN_MS = 30_000
const FLOOD_EVENTS = 100_000

/** Beside Ctrl-C's own signal there is one that npm sends on. */
const SAME_SIGNAL_MS = 1000

const say = (line: string): void => void process.stdout.write(`${line}\n`)

async function main(): Promise<number> {
  const options = chaosOptions(process.argv.slice(2))
  say(`seed ${options.seed}; again: ${commandOf(options)}`)
  const stop = stopOnSignals()
  const results: RoundResult[] = []
  let failed = false
  const rounds = Math.ceil(options.minutes / options.roundMinutes)
  for (let round = 0; round < rounds && !failed && !stop.aborted; round++) {
    const minutes = Math.min(options.roundMinutes, options.minutes - round * options.roundMinutes)
    const own: ChaosOptions = { ...options, minutes, seed: options.seed + round, roundMinutes: options.roundMinutes }
    if (rounds > 1) say(`round ${round + 1} of ${rounds}, seed ${own.seed}`)
    const result = await oneRound(own, stop)
    if (result !== null) {
      results.push(result)
      say(roundLine(result, results))
    }
    failed = result === null || !isClean([result])
    if (failed) say(`this round again: ${commandOf(own)}`)
  }
  if (results.length === 0) return 1
  say(faultTable(results))
  const falls = results.flatMap((result) => result.falls)
  say(
    `${sum(results, ({ records }) => records.input)} input records, ${sum(results, ({ records }) => records.outputs)} output ` +
      `records; ${sum(results, ({ idle }) => idle)} faults left out because the instance was idle; ` +
      `${falls.length} instances ended by themselves`,
  )
  for (const fall of falls) say(`  ${fall}`)
  return failed ? 1 : 0
}

/** The first signal ends the faults, what came so far is judged; the second ends everything. */
function stopOnSignals(): AbortSignal {
  const stop = new AbortController()
  let first = Number.POSITIVE_INFINITY
  const onSignal = (): void => {
    if (performance.now() - first > SAME_SIGNAL_MS) process.exit(130)
    if (stop.signal.aborted) return
    first = performance.now()
    say('no more faults: the round is drained and judged (once more: ends at once)')
    stop.abort()
  }
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  return stop.signal
}

/** Null when it did not come to a judgement. */
async function oneRound(options: ChaosOptions, stop: AbortSignal): Promise<RoundResult | null> {
  const directory = await mkdtemp(join(tmpdir(), 'ride-chaos-'))
  const guard = atEndOfTestProcess('rm -rf -- "$0"', [directory])
  const progress = progressLine()
  try {
    const result = await chaosRound({
      subject: await subjectOf(options),
      seed: options.seed,
      types: options.faults,
      brokers: options.brokers,
      instances: options.instances,
      standbys: options.standbys,
      ratePerSecond: options.rate,
      sessionTimeoutMs: options.sessionTimeoutMs,
      calmMs: options.calmMs,
      transactionTimeoutMs: options.transactionTimeoutMs,
      settings: options.settings,
      maxBrokerDownMs: MAX_BROKER_DOWN_MS,
      floodEvents: FLOOD_EVENTS,
      durationMs: options.minutes * 60_000,
      maxFaults: Number.POSITIVE_INFINITY,
      stop,
      directory,
      onFault: (fault) => progress.line(faultLine(fault)),
      onProgress: progress.update,
    })
    progress.end()
    if (isClean([result]) && result.falls.length === 0) await rm(directory, { recursive: true, force: true })
    else await keep(directory, result)
    return result
  } catch (error) {
    progress.end()
    say(`the round failed: ${error instanceof Error ? error.message : String(error)}; its directory: ${directory}`)
    return null
  } finally {
    guard.kill('SIGKILL')
  }
}

async function keep(directory: string, { differences }: RoundResult): Promise<void> {
  const lines = differences.map(({ kind, count, text, blamedOn }) => `${kind} ${count} (${blamedOn ?? '-'}): ${text}`)
  await writeFile(join(directory, 'differences.txt'), `${lines.join('\n')}\n`)
  say(`logs, brokers' files and ${differences.length} differences: ${directory}`)
}

async function subjectOf({ peer, topologies, seed, optimization, settings }: ChaosOptions): Promise<Subject> {
  if (topologies.length > 0) return topologiesSubject(topologies, seed, { optimization, settings })
  const isOurs = peer === 'ride-streams'
  return ridesSubject(isOurs ? RIDE_STREAMS : (await import('./kafka-streams-program.ts')).KAFKA_STREAMS, seed)
}

/** One line that is written over on a terminal; elsewhere only what happened. */
function progressLine() {
  const { stderr } = process
  const clear = () => void (stderr.isTTY && stderr.write('\r\x1b[K'))
  return {
    line(text: string): void {
      clear()
      say(`${new Date().toISOString().slice(11, 19)} ${text}`)
    },
    update({ step, elapsedMs, faults, sent, committed, longestOpenWaitMs }: RoundProgress): void {
      if (!stderr.isTTY) return
      clear()
      const waiting = (longestOpenWaitMs / 1000).toFixed(1)
      stderr.write(
        `${Math.round(elapsedMs / 1000)} s, ${step}: ${faults} faults, ${sent} sent, ${committed} committed, waiting ${waiting} s`,
      )
    },
    end: clear,
  }
}

function sum(results: readonly RoundResult[], of: (result: RoundResult) => number): number {
  return results.reduce((total, result) => total + of(result), 0)
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  process.stderr.write(`${error.message}\n${USAGE}\n`)
  process.exitCode = 2
}
