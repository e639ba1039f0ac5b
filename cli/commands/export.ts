import { type Command, InvalidArgumentError } from 'commander'
import type { Column } from '../../app/export/columns.ts'
import type { Format, RowWriter, TextSink } from '../../app/export/formats.ts'
import { type CommonOptions, dateTime, newCommand } from '../command.ts'

interface ExportOptions extends CommonOptions {
  readonly format?: Format
  /** Epoch ms. */
  readonly from?: number
  /** Epoch ms. */
  readonly to?: number
  readonly out?: string
  readonly history?: true
}

/** The same as FORMATS of the writers: --help must not load them. */
const NAMES: readonly Format[] = ['csv', 'jsonl', 'parquet']

export function exportCommand(): Command {
  return newCommand('export', 'write the rows of an output topic, a topic of events or a store to a file')
    .argument('<name>', 'a topic, like analytics.hourly_revenue, or a store, like trip-state')
    .option('--format <format>', 'csv, jsonl or parquet (default: by the end of --out, else csv)', parseFormat)
    .option('--from <time>', 'first event time: ISO 8601 with Z or an offset', dateTime)
    .option('--to <time>', 'event time that is too late: the same', dateTime)
    .option('--out <file>', 'the file (default: stdout)')
    .option('--history', 'every record of a table, not the last one of each key')
    .addHelpText('after', '\nThe columns, and what event time is: docs/analysts.md')
    .action(exportTable)
    .addCommand(postgresCommand())
}

interface PostgresOptions extends CommonOptions {
  readonly url?: string
  readonly schema: string
  readonly once?: true
}

function postgresCommand(): Command {
  return newCommand('postgres', 'copy outputs and the audit trail into Postgres, exactly once, as they come')
    .argument('[names...]', 'output topics, and `audit` (default: all that exist)')
    .option('--url <url>', 'of the database, like postgres://user@host/rides (default: PGHOST, PGUSER and the like)')
    .option('--schema <name>', 'the schema of its tables', 'rides')
    .option('--once', 'end when all is copied that the topics hold now')
    .action(exportPostgres)
}

async function exportPostgres(names: readonly string[], { url, schema, once }: PostgresOptions): Promise<void> {
  const { loadRideConfig } = await import('../../app/config/ride-config.ts')
  const { openPostgres, targetsOf } = await import('../../app/export/postgres/open-postgres.ts')
  const { exportToPostgres } = await import('../../app/export/postgres/postgres-export.ts')
  const { withKafka } = await import('../kafka-clients.ts')
  const { onShutdown } = await import('../signals.ts')

  const config = loadRideConfig(process.env)
  const { signal } = onShutdown()
  await withKafka(config, async ({ admin, reader }) => {
    const tables = await targetsOf(admin, names)
    const { client, lost } = await openPostgres(url)
    const onNotice = (text: string) => void process.stderr.write(`${text}\n`)
    const work = { client, admin, reader: reader(), schema, tables, once: once === true, signal, onNotice }
    await Promise.race([exportToPostgres(work), lost]).finally(() => client.end())
  })
}

function parseFormat(text: string): Format {
  const format = NAMES.find((name) => name === text)
  if (format === undefined) throw new InvalidArgumentError(`Expected ${NAMES.join(', ')}.`)
  return format
}

async function exportTable(name: string, options: ExportOptions, command: Command): Promise<void> {
  const { from, to, out, history } = options
  const format = options.format ?? NAMES.find((one) => out?.endsWith(`.${one}`)) ?? 'csv'
  if (format === 'parquet' && out === undefined) command.error('error: a Parquet file needs --out')
  const { loadRideConfig } = await import('../../app/config/ride-config.ts')
  const { exportRows } = await import('../../app/export/export-rows.ts')
  const { findTable } = await import('../../app/export/find-table.ts')
  const { withKafka } = await import('../kafka-clients.ts')
  const { progressBar } = await import('../progress.ts')
  const { rideTargets } = await import('../ride-targets.ts')

  const table = findTable(name, await rideTargets.loadPlan({}))
  const progress = progressBar(`reading ${table.topic}`)
  let invalid = 0
  await withKafka(loadRideConfig(process.env), ({ admin, reader }) =>
    writing({ format, out, columns: table.columns }, async (writer) => {
      const reading = { admin, reader: reader(), table, from, to, history, onProgress: progress.update }
      for await (const part of exportRows(reading)) {
        invalid += part.invalid
        await writer.add(part.rows)
      }
    }),
  ).finally(progress.stop)
  const { leftOutText } = await import('../../app/export/left-out.ts')
  const text = leftOutText(invalid, table.topic)
  if (text !== null) process.stderr.write(`${text}\n`)
}

interface Output {
  readonly format: Format
  readonly out: string | undefined
  readonly columns: readonly Column[]
}

/** Gives `work` a writer. A file gets its name when it is whole: an export that fails leaves what was there. */
async function writing({ format, out, columns }: Output, work: (writer: RowWriter) => Promise<void>): Promise<void> {
  const { csvWriter, jsonLinesWriter, parquetWriter } = await import('../../app/export/formats.ts')
  const { openFile, stdoutSink } = await import('../text-sinks.ts')
  const textWriter = (sink: TextSink) => (format === 'csv' ? csvWriter(columns, sink) : jsonLinesWriter(columns, sink))

  if (out === undefined) {
    const writer = await textWriter(stdoutSink)
    await work(writer)
    await writer.end()
    return
  }
  const file = await openFile(out, format !== 'parquet')
  try {
    const writer = await (format === 'parquet' ? parquetWriter(columns, file.path) : textWriter(file.sink))
    await work(writer)
    await writer.end()
    await file.finish()
  } catch (error) {
    await file.drop()
    throw error
  }
}
