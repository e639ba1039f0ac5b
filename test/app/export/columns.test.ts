import { expect, it } from 'vitest'
import { cellsOf, columnName, fieldsOfSchema, parseWithMoney } from '../../../app/export/columns.ts'
import { findTable } from '../../../app/export/find-table.ts'
import { csvLine, jsonLinesWriter } from '../../../app/export/formats.ts'
import { OUTPUT_TABLES, partsTable, storeTable } from '../../../app/export/tables.ts'
import { OUTPUT_SCHEMAS } from '../../../processors/output-schemas.ts'
import { ALL_PROCESSORS } from '../../../processors/processor-names.ts'
import { buildRideTopology } from '../../../processors/ride-topology.ts'
import { KEPT_NUMBERS_KEY, NO_HEADERS } from '../../../state/index.ts'

it('columns are flat and named as in SQL', () => {
  const names = fieldsOfSchema(OUTPUT_SCHEMAS['trip.offers']).map(({ name, type }) => `${name} ${type}`)
  expect(names).toEqual([
    ...['trip_id text', 'requested_at instant', 'pickup_lat number', 'pickup_lng number', 'pickup_address text'],
    'offers json',
  ])
  expect(columnName(['p95SecondsToAccept'])).toBe('p95_seconds_to_accept')
})

it.each([
  ['5', '5.00'],
  ['0', '0.00'],
  ['-0.5', '-0.50'],
  ['12.25', '12.25'],
  ['1e3', '1000.00'],
  ['90071992547409.93', '90071992547409.93'],
  ['123456789012345678901234567890.12', '123456789012345678901234567890.12'],
])('an amount of %s is %s', (text, amount) => {
  expect(parseWithMoney(`{"revenue":${text}}`)).toEqual({ revenue: amount })
})

it('absent values are null, and JSON columns hold JSON', () => {
  const fields = fieldsOfSchema(OUTPUT_SCHEMAS['trip.offers'])
  const value = { tripId: 't', requestedAt: '2025-10-29T10:00:00.000Z', pickup: { lat: 1, lng: 2 }, offers: [] }
  expect(cellsOf(fields, value)).toEqual(['t', '2025-10-29T10:00:00.000Z', 1, 2, null, '[]'])
})

it('CSV quotes what needs quotes, and tells an empty text from no value', () => {
  expect(csvLine(['a', 'b "c", d', 'two\nlines', '', null, 1.5])).toBe('a,"b ""c"", d","two\nlines","",,1.5\r\n')
})

it('JSON lines keep nested values as they are', async () => {
  let text = ''
  const sink = (line: string): Promise<void> => {
    text += line
    return Promise.resolve()
  }
  const columns = [
    { name: 'a', type: 'text' },
    { name: 'b', type: 'json' },
  ] as const
  await jsonLinesWriter(columns, sink).add([
    ['x"', '[1]'],
    [null, null],
  ])
  expect(text).toBe('{"a":"x\\"","b":[1]}\n{"a":null,"b":null}\n')
})

it('a value that another program wrote into an output is no row, whatever it is', () => {
  const revenue = OUTPUT_TABLES.find(({ name }) => name === 'analytics.hourly_revenue')
  const read = (value: string) =>
    revenue?.read({ offset: 0, timestamp: 0, key: null, value: Buffer.from(value), headers: NO_HEADERS })
  expect(read('{"hour":"2025-10-29T10:00:00Z","revenue":5,"trips":1}')).toEqual(['2025-10-29T10:00:00Z', '5.00', 1])
  for (const odd of ['', 'null', '[]', '{', '{"hour":7}', '{"hour":"soon"}', '{"trips":1.5}', '{"revenue":0.001}']) {
    expect([odd, odd === 'null' || odd === '[]' ? null : read(odd)]).toEqual([odd, null])
  }
})

it('the numbers that a store keeps beside its rows are no rows of its table, and nobody wrote them wrongly', () => {
  const record = { offset: 0, timestamp: 0, key: KEPT_NUMBERS_KEY, value: Buffer.from('{}'), headers: [] }
  const tables = [
    storeTable('cell-demand', 'c'),
    storeTable('open-offer-batches', 'c'),
    partsTable('trip-history', 'c'),
  ]
  for (const table of tables) {
    expect(table.isBeside?.(record)).toBe(true)
    expect(table.isBeside?.({ ...record, key: Buffer.from('trip-1') })).toBe(false)
  }
})

it('a history is a row for each event: the trip, the name of the part and its text', () => {
  const plan = buildRideTopology({ h3Resolution: 9, processors: ALL_PROCESSORS }).build({ applicationId: 'rides' })
  const table = findTable('trip-history', plan)
  expect([table.topic, table.columns.map(({ name }) => name)]).toEqual([
    'rides-trip-history-changelog',
    ['key', 'part', 'value'],
  ])
  const read = (key: readonly (string | number)[], value: string) =>
    table.read({
      ...{ offset: 0, timestamp: 0, headers: NO_HEADERS, value: Buffer.from(value) },
      key: Buffer.concat(key.map((part) => (typeof part === 'string' ? Buffer.from(part) : Buffer.of(part)))),
    })
  expect(read(['trip-ü', 0xff, '063912345678000 event-ü0'], '["c"]')).toEqual([
    'trip-ü',
    '063912345678000 event-ü0',
    '["c"]',
  ])
  // The trip before the known events, and a history that an earlier version wrote.
  expect(read(['trip-1'], '[[],[]]')).toEqual(['trip-1', '', '[[],[]]'])
})
