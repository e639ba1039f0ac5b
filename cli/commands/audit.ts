import type { Command } from 'commander'
import type { AuditQuestion, AuditRow } from '../../app/export/postgres/read-audit.ts'
import { type DataOptions, dateTime, newDataCommand } from '../command.ts'

interface AuditOptions extends DataOptions, AuditQuestion {
  readonly url?: string
  readonly schema: string
  readonly csv?: true
}

const COLUMNS = ['when', 'who', 'what', 'trip_id', 'driver_id', 'passenger_id', 'event_id', 'data'] as const

export function auditCommand(): Command {
  return newDataCommand('audit', 'who did what and when, from the audit trail that export postgres keeps')
    .option('--trip <id>', 'events of this trip')
    .option('--driver <id>', 'events of the trips of this driver')
    .option('--passenger <id>', 'events of the trips of this passenger')
    .option('--from <time>', 'first event time: ISO 8601 with Z or an offset', dateTime)
    .option('--to <time>', 'event time that is too late: the same', dateTime)
    .option('--csv', 'print CSV')
    .option('--url <url>', 'of the database, like postgres://user@host/rides (default: PGHOST, PGUSER and the like)')
    .option('--schema <name>', 'the schema of its tables', 'rides')
    .action(audit)
}

async function audit(options: AuditOptions, command: Command): Promise<void> {
  const { url, schema, csv, json, trip, driver, passenger } = options
  if ([trip, driver, passenger].every((id) => id === undefined)) {
    command.error('error: name a trip, a driver or a passenger')
  }
  const { openPostgres } = await import('../../app/export/postgres/open-postgres.ts')
  const { readAudit } = await import('../../app/export/postgres/read-audit.ts')
  const { csvWriter } = await import('../../app/export/formats.ts')
  const { printRows } = await import('../output.ts')
  const { stdoutSink } = await import('../text-sinks.ts')

  const { client } = await openPostgres(url)
  const rows = await readAudit(client, schema, options).finally(() => client.end())
  if (csv) {
    const columns = COLUMNS.map((name) => ({ name, type: 'text' as const }))
    const writer = await csvWriter(columns, stdoutSink)
    await writer.add(rows.map((row) => COLUMNS.map((name) => row[name])))
    await writer.end()
    return
  }
  printRows<AuditRow>(
    rows,
    COLUMNS.map((name) => ({ head: name.toUpperCase(), value: (row) => row[name] })),
    json === true,
  )
}
