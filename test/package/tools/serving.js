import { deepEqual } from 'node:assert/strict'
import { KafkaStreams, StreamsBuilder, serdes } from 'ride-streams'
import { serveQueries } from 'ride-streams/serve'

const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
builder
  .stream('lines')
  .groupByKey()
  .count({ materialized: { name: 'counts' } })
const config = { applicationId: 'served', brokers: 'localhost:1', httpPort: 0, stateDir: './state', logLevel: 'silent' }
const streams = new KafkaStreams(builder.build(), config)

const without = await serveQueries(streams, { dashboard: true }).catch(({ code }) => code)
deepEqual(without, 'MISSING_PACKAGE')

const { url, close } = await serveQueries(streams)
const paths = ['/stores', '/metrics', '/openapi.json', '/topology', '/health/live', '/health/ready', '/dashboard']
const answers = await Promise.all(paths.map(async (path) => [path, (await fetch(`${url}${path}`)).status]))
deepEqual(Object.fromEntries(answers), {
  '/stores': 200,
  '/metrics': 200,
  '/openapi.json': 200,
  '/topology': 200,
  '/health/live': 200,
  '/health/ready': 503,
  '/dashboard': 404,
})
await close()
await streams.close()
