import { type LocalReport, verifyLocalStores } from '../infra/streams/local-state/index.ts'
import { counted, StreamsConfigError } from '../state/index.ts'
import { CommandFailedError } from './errors.ts'
import { withKafka } from './kafka-clients.ts'
import { printJson, printLine, printTable } from './output.ts'
import { progressBar } from './progress.ts'
import type { Target } from './target.ts'

export interface VerifyLocalOptions {
  readonly limit: number
  readonly json: boolean
  readonly patienceMs: number
}

/** Compares the stores of STATE_DIR with their changelogs, and prints what differs. */
export async function verifyLocal(
  { config, plan }: Target,
  { limit, json, patienceMs }: VerifyLocalOptions,
): Promise<void> {
  const stores = plan.subtopologies.flatMap((subtopology) => subtopology.stores)
  if (stores.every(({ spec }) => (spec.backend ?? config.stateBackend) === 'memory')) {
    throw new StreamsConfigError(
      `all stores of ${plan.applicationId} are in memory (STATE_BACKEND, or their backend): there is nothing to verify here`,
    )
  }
  const progress = progressBar('comparing stores')
  const report = await withKafka(
    config,
    ({ admin, reader }) =>
      verifyLocalStores({
        ...{ plan, admin, reader, limit },
        stateDir: config.stateDir,
        stateBackend: config.stateBackend,
        onProgress: progress.update,
      }),
    patienceMs,
  ).finally(progress.stop)
  const { differences, total } = report
  if (json) printJson({ rows: differences, nextCursor: null, total, stores: report.stores })
  else print(report)
  if (total === 0) return
  const where = report.stores
    .filter((store) => store.differences > 0)
    .map(({ taskId, store }) => `${store} of task ${taskId}`)
  throw new CommandFailedError(`${counted(total, 'difference')} in ${where.join(', ')}`)
}

function print({ stores, differences }: LocalReport): void {
  printTable(stores, [
    { head: 'TASK', value: ({ taskId }) => taskId },
    { head: 'STORE', value: ({ store }) => store },
    { head: 'POSITION', value: ({ position }) => position ?? '-', right: true },
    { head: 'ROWS', value: ({ rows }) => rows, right: true },
    { head: 'DIFFERENCES', value: (row) => row.differences, right: true },
    { head: 'UNJUDGED', value: ({ unjudged }) => unjudged, right: true },
  ])
  if (differences.length === 0) return
  printLine()
  printTable(differences, [
    { head: 'TASK', value: ({ taskId }) => taskId },
    { head: 'STORE', value: ({ store }) => store },
    { head: 'KEY', value: ({ key }) => shown(key) },
    { head: 'DIFFERENCE', value: ({ kind }) => kind.replace('-', ' ') },
    { head: 'CHANGELOG', value: ({ expected }) => shown(expected) },
    { head: 'STORE HAS', value: ({ found }) => shown(found) },
  ])
}

const COLUMNS = 60

function shown(text: string | null): string {
  if (text === null) return '-'
  const line = text.replace(/\s+/g, ' ')
  return line.length > COLUMNS ? `${line.slice(0, COLUMNS - 1)}…` : line
}
