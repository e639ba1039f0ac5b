import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { schemaSerde } from '../../exports/serdes.ts'
import { connectKafka } from '../../infra/kafka/kafka.ts'
import { KafkaStreams } from '../../infra/streams/index.ts'
import { kafkaForTests, uniqueName } from '../support/kafka.ts'
import { kafkajs, kafkajsProducer } from '../support/kafkajs.ts'
import { loggedLines } from '../support/log-lines.ts'
import { SchemaRegistryServer } from '../support/schema-registry-server.ts'
import { TRIP, type Trip } from '../support/trip-schema.ts'

const SOON = { timeout: 60_000, interval: 50 }

it('stream threads wait for schemas while the registry is down, and queries read what they wrote', async () => {
  const { bootstrap } = await kafkaForTests()
  const applicationId = uniqueName('registry')
  const topic = `${applicationId}-trips`
  const server = await new SchemaRegistryServer().start()
  onTestFinished(() => server.close())
  const kafka = connectKafka({ brokers: [bootstrap], clientId: 'registry' })
  await kafka.admin().createTopics([{ name: topic, partitions: 2, config: {} }])
  await kafka.close()
  const producer = await kafkajsProducer(kafkajs(bootstrap))
  onTestFinished(() => producer.disconnect())
  const send = async (name: string, trip: Trip): Promise<void> => {
    // Each name makes another schema.
    const serde = schemaSerde<Trip>(server.registry, { format: 'avro', schema: { ...TRIP, doc: name } })
    await serde.prepare?.(topic, 'write')
    const value = Buffer.from(serde.serialize(topic, trip))
    await producer.send({ topic, messages: ['k', 'l', 'm', 'n'].map((key) => ({ key, value })) })
  }

  vi.stubEnv('TEST_REGISTRY_URL', server.url)
  vi.stubEnv('TEST_REGISTRY_TOPIC', topic)
  const { logger, lines } = loggedLines()
  const streams = new KafkaStreams(new URL('./registry-topology.ts', import.meta.url), {
    ...{ applicationId, brokers: bootstrap, logger, numStreamThreads: 2 },
    stateDir: await mkdtemp(join(tmpdir(), 'registry-')),
  })
  onTestFinished(() => streams.close())
  await streams.start()
  const longest = streams.store<string, { value: Trip }>('longest')
  const kmOf = async (key: string) => (await longest.get(key)).result?.value
  await send('first', { id: 'a', km: 3 })
  for (const key of ['k', 'l', 'm', 'n'])
    await vi.waitFor(async () => expect(await kmOf(key)).toEqual({ id: 'a', km: 3 }), SOON)

  server.isDown = true
  await send('second', { id: 'b', km: 4 })
  const asked = () => server.requests.filter((request) => request.startsWith('GET /schemas/ids/'))
  const before = asked().length
  await vi.waitFor(() => expect(asked().length).toBeGreaterThan(before + 3), SOON)
  expect(await kmOf('k')).toEqual({ id: 'a', km: 3 })
  server.isDown = false
  for (const key of ['k', 'l', 'm', 'n'])
    await vi.waitFor(async () => expect(await kmOf(key)).toEqual({ id: 'b', km: 4 }), SOON)
  const why = `the schema registry at ${new URL(server.url).host} does not answer`
  expect(lines.some((line) => JSON.stringify(line).includes(why))).toBe(true)
})
