import { type Command, InvalidArgumentError, Option } from 'commander'
import type { Answer, Page, RideStreamsClient } from '../../app/client/ride-streams-client.ts'
import { counted } from '../../state/index.ts'
import { type DataOptions, dateTime, newCommand, newDataCommand, wholeNumber } from '../command.ts'
import { moneyText } from '../money.ts'
import type { Column } from '../output.ts'

interface QueryOptions extends DataOptions {
  readonly url?: string
  /** Seconds. */
  readonly wait: number
}

interface RevenueOptions extends QueryOptions {
  readonly from?: string
  readonly to?: string
  readonly csv?: true
  readonly by: By
  readonly corrections?: true
  /** Epoch ms. */
  readonly since?: number
}

type By = 'hour' | 'day' | 'zone'

type Row = Readonly<Record<string, unknown>>

const DEFAULT_WAIT_S = 30

export function queryCommand(): Command {
  const query = newCommand('query', 'ask a running instance')
  query.addCommand(questionCommand('trip', 'the state of a trip').argument('<trip-id>').action(trip))
  query.addCommand(questionCommand('driver', 'where a driver is').argument('<driver-id>').action(driver))
  query.addCommand(
    questionCommand('cell', 'the drivers that are in an H3 cell now').argument('<h3>', 'an H3 index').action(cell),
  )
  query.addCommand(
    questionCommand('revenue', 'revenue by hour, day or zone')
      .addOption(
        new Option('--by <what>', 'add it up by UTC day, or by the zone of the pickup')
          .choices(['hour', 'day', 'zone'])
          .default('hour'),
      )
      .option('--from <time>', 'first hour: ISO 8601 with Z or an offset', parseTime)
      .option('--to <time>', 'last hour: the same', parseTime)
      .option('--csv', 'print CSV')
      .addOption(
        new Option(
          '--corrections',
          'hours that have changed after they were over; read from the topic, not from an instance',
        ).conflicts(['by', 'from', 'to', 'url', 'wait']),
      )
      .option('--since <time>', 'for --corrections, changed since then: ISO 8601 with Z or an offset', dateTime)
      .action(revenue),
  )
  return query
}

function questionCommand(name: string, summary: string): Command {
  return newDataCommand(name, summary)
    .option('--url <url>', 'of the instance (default: HTTP_HOST and HTTP_PORT)', parseUrl)
    .option('--wait <seconds>', 'how long to ask again while a store restores', wholeNumber(0, 86_400), DEFAULT_WAIT_S)
}

function parseUrl(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) {
    throw new InvalidArgumentError('Expected an http or https URL.')
  }
  return text.replace(/\/+$/, '')
}

function parseTime(text: string): string {
  if (!/^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d(:?\d\d)?)$/i.test(text)) {
    throw new InvalidArgumentError('Expected ISO 8601 with Z or an offset, like 2019-03-01T00:00:00Z.')
  }
  return text
}

const trip = (tripId: string, options: QueryOptions): Promise<void> => one(options, (client) => client.trip(tripId))

const driver = (driverId: string, options: QueryOptions): Promise<void> =>
  one(options, (client) => client.driver(driverId))

const cell = (h3: string, options: QueryOptions): Promise<void> =>
  list(options, (client, page) => client.cell(h3, page), [
    ...['driverId', 'cell', 'status', 'at'].map((name) => column(name)),
    column('lat', true),
    column('lng', true),
  ])

const askRevenue =
  ({ from, to, by }: RevenueOptions): AskPage =>
  (client, page) => {
    if (by === 'day') return client.dailyRevenue({ from, to })
    return by === 'zone' ? client.zoneRevenue({ from, to }) : client.hourlyRevenue({ from, to, ...page })
  }

async function revenue(options: RevenueOptions, command: Command): Promise<void> {
  const { corrections, since } = options
  if ((corrections === true) !== (since !== undefined)) {
    command.error('error: --corrections and --since belong together')
  }
  if (since !== undefined) return await printCorrections(since, options)
  if (options.csv !== true) {
    await list(options, askRevenue(options), [
      column(options.by),
      { head: 'REVENUE', value: (row) => moneyText(row.revenue), right: true },
      column('trips', true),
    ])
    return
  }
  const { csvWriter } = await import('../../app/export/formats.ts')
  const { stdoutSink } = await import('../text-sinks.ts')
  const rows = await everyRowOf(options, askRevenue(options))
  const writer = await csvWriter(
    [options.by, 'revenue', 'trips'].map((name) => ({ name, type: 'text' as const })),
    stdoutSink,
  )
  await writer.add(
    rows.map(({ [options.by]: name, revenue: amount, trips }) => [
      name === null ? null : String(name),
      moneyText(amount),
      String(trips),
    ]),
  )
  await writer.end()
}

async function printCorrections(since: number, { csv, json }: RevenueOptions): Promise<void> {
  const { loadRideConfig } = await import('../../app/config/ride-config.ts')
  const { leftOutText } = await import('../../app/export/left-out.ts')
  const { revenueCorrections } = await import('../../app/export/revenue-corrections.ts')
  const { withKafka } = await import('../kafka-clients.ts')
  const { progressBar } = await import('../progress.ts')

  const progress = progressBar('reading revenue')
  const { rows, invalid } = await withKafka(loadRideConfig(process.env), ({ admin, reader }) =>
    revenueCorrections({ admin, reader: reader(), since, onProgress: progress.update }),
  ).finally(progress.stop)
  const text = leftOutText(invalid, 'analytics.hourly_revenue')
  if (text !== null) process.stderr.write(`${text}\n`)
  if (csv === true) {
    const { csvWriter } = await import('../../app/export/formats.ts')
    const { stdoutSink } = await import('../text-sinks.ts')
    const names = ['hour', 'old_revenue', 'revenue', 'old_trips', 'trips']
    const writer = await csvWriter(
      names.map((name) => ({ name, type: 'text' as const })),
      stdoutSink,
    )
    await writer.add(rows.map((row) => [row.hour, row.oldRevenue, row.revenue, row.oldTrips, row.trips]))
    await writer.end()
    return
  }
  const { printRows } = await import('../output.ts')
  const { parseExactJson } = await import('../../infra/json/index.ts')
  const amount = (text: string | null): unknown => (text === null || json !== true ? text : parseExactJson(text))
  printRows<Row>(
    rows.map((row) => ({ ...row, oldRevenue: amount(row.oldRevenue), revenue: amount(row.revenue) })),
    [
      column('hour'),
      { head: 'OLD REVENUE', value: (row) => shown(row.oldRevenue), right: true },
      column('revenue', true),
      { head: 'OLD TRIPS', value: (row) => shown(row.oldTrips), right: true },
      column('trips', true),
    ],
    json === true,
  )
}

async function one(options: QueryOptions, ask: (client: RideStreamsClient) => Promise<Answer<Row>>): Promise<void> {
  const { printJson, printLine, printTable } = await import('../output.ts')
  const { value: row, lag } = await ask(await openClient(options))
  if (options.json) {
    printJson(row)
    return
  }
  printTable(Object.entries(row), [
    { head: 'FIELD', value: ([name]) => name },
    { head: 'VALUE', value: ([name, value]) => (isMoney(name, value) ? moneyText(value) : shown(value)) },
  ])
  if (lag !== null && lag > 0) printLine(`the store is ${counted(lag, 'record')} behind its input`)
}

type AskPage = (
  client: RideStreamsClient,
  page: { readonly limit: number; readonly cursor: string | undefined },
) => Promise<Answer<Page<Row>>>

async function list(options: QueryOptions, ask: AskPage, columns: readonly Column<Row>[]): Promise<void> {
  const { printRows } = await import('../output.ts')
  printRows(await everyRowOf(options, ask), columns, options.json ?? false)
}

async function everyRowOf(options: QueryOptions, ask: AskPage): Promise<readonly Row[]> {
  const { everyRow } = await import('../../app/client/ride-streams-client.ts')
  const client = await openClient(options)
  const rows: Row[] = []
  for await (const row of everyRow((cursor) => ask(client, { limit: 1000, cursor }))) rows.push(row)
  return rows
}

async function openClient({ url, wait }: QueryOptions): Promise<RideStreamsClient> {
  const { loadRideConfig } = await import('../../app/config/ride-config.ts')
  const { StreamsConfigError } = await import('../../state/index.ts')
  const { RideStreamsClient } = await import('../../app/client/ride-streams-client.ts')
  const { parseExactJson } = await import('../../infra/json/index.ts')
  const { httpHost, httpPort, httpTlsCert, httpToken } = loadRideConfig(process.env)
  if (url === undefined && httpPort === 0) {
    throw new StreamsConfigError('HTTP_PORT: is 0, expected the port of the instance, or --url')
  }
  return new RideStreamsClient({
    url: url ?? `${httpTlsCert === null ? 'http' : 'https'}://${reachable(httpHost)}:${httpPort}`,
    token: httpToken,
    patienceMs: wait * 1000,
    parse: parseExactJson,
  })
}

/** Address at which a server that listens on all addresses can be reached. */
function reachable(host: string): string {
  if (host === '0.0.0.0') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

function column(name: string, right = false): Column<Row> {
  return { head: name.toUpperCase(), value: (row) => shown(row[name]), right }
}

/** Fields of views that hold amounts. */
const isMoney = (name: string, value: unknown): boolean =>
  /fare$|revenue$|earnings$/i.test(name) && value !== null && value !== undefined

const shown = (value: unknown): string =>
  value === null || value === undefined ? '-' : typeof value === 'string' ? value : JSON.stringify(value)
