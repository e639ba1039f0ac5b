import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { loadRideConfig, type RideConfig } from '../app/config/ride-config.ts'
import { rideApp } from '../app/ride-app.ts'
import { type AppDefinition, loadApp } from '../infra/streams/index.ts'
import { type LocalReport, verifyLocalStores } from '../infra/streams/local-state/index.ts'
import { StreamsConfigError } from '../state/index.ts'
import { CommandFailedError } from './errors.ts'
import { withKafka } from './kafka-clients.ts'
import { printJson, printLine, printTable } from './output.ts'
import { progressBar } from './progress.ts'

export interface VerifyLocalOptions {
  readonly limit: number
  readonly json: boolean
  /** Exports buildPlan(); undefined: the ride-hailing application. */
  readonly module: string | undefined
  readonly patienceMs: number
}

/** `verify --local`. */
export async function verifyLocal({ limit, json, module, patienceMs }: VerifyLocalOptions): Promise<void> {
  const config = loadRideConfig(process.env)
  if (config.stateBackend !== 'level') {
    throw new StreamsConfigError(
      `STATE_BACKEND ${config.stateBackend} keeps nothing on disk: there is nothing to verify here`,
    )
  }
  const { plan } = await loadApp(definitionOf(config, module))
  const progress = progressBar('comparing stores')
  const report = await withKafka(
    config,
    ({ admin, reader }) =>
      verifyLocalStores({ plan, stateDir: config.stateDir, admin, reader, limit, onProgress: progress.update }),
    patienceMs,
  ).finally(progress.stop)
  const { differences, stores, total } = report
  if (json) printJson({ rows: differences, nextCursor: null, total, stores })
  else print(report)
  if (total === 0) return
  const where = stores.filter((store) => store.differences > 0).map(({ taskId, store }) => `${store} of task ${taskId}`)
  throw new CommandFailedError(`${total} differences in ${where.join(', ')}`)
}

function definitionOf(config: RideConfig, module: string | undefined): AppDefinition {
  if (module === undefined) return rideApp(config)
  return { module: pathToFileURL(resolve(module)).href, options: { applicationId: config.applicationId } }
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
