import { afterAll, beforeAll, expect, it } from 'vitest'
import { AppProcess } from '../support/app-process.ts'
import { kafkajsProducer } from '../support/kafkajs.ts'
import { OtlpReceiver } from '../support/otlp-receiver.ts'
import { driverAt, requested } from '../support/ride-events.ts'
import type { RideInputRecord } from '../support/ride-input.ts'
import { borrowRideKafka, type RideKafka } from '../support/ride-kafka.ts'

const APPLICATION_ID = 'one-resource'
const TRACE = '0af7651916cd43dd8448eb211c80319c'
const HERE = { lat: 40.7, lng: -74 }

let rides: RideKafka
let collector: OtlpReceiver

beforeAll(async () => {
  ;[rides, collector] = await Promise.all([borrowRideKafka(APPLICATION_ID), OtlpReceiver.start()])
})
afterAll(async () => {
  collector?.close()
  await rides?.close()
})

it('all spans of a process, those of its stream threads and of its pushes, have the id it has in the group', async () => {
  const app = await AppProcess.start({
    KAFKA_BROKERS: rides.bootstrap,
    APPLICATION_ID,
    STATE_DIR: rides.directory,
    STATE_BACKEND: 'memory',
    NUM_STREAM_THREADS: '2',
    PROCESSORS: 'trip-state,driver-cells,trip-offers',
    OTEL_TRACES_SAMPLER_ARG: '0',
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
  })
  const producer = await kafkajsProducer(rides.kafka)
  try {
    await app.ready()
    const send = async ({ topic, key, value, timestamp }: RideInputRecord, headers = {}): Promise<void> => {
      await producer.send({ topic, messages: [{ key, value, timestamp: String(timestamp), headers }] })
    }
    await send(driverAt('near', Date.now(), HERE))
    await expect.poll(async () => (await fetch(`${app.url}/drivers/near`)).status, { timeout: 30_000 }).toBe(200)
    const pushes = await fetch(`${app.url}/drivers/near/offers/events`)
    const offers = pushes.body?.pipeThrough(new TextDecoderStream()).getReader()
    await send(requested('t', Date.now(), HERE), { traceparent: `00-${TRACE}-b7ad6b7169203331-01` })
    for (let text = ''; !text.includes('"tripId":"t"'); ) {
      const part = await offers?.read()
      if (part?.value === undefined) throw new Error(`the events ended behind ${text}`)
      text += part.value
    }
    await offers?.cancel()
    const group = await rides.cluster.admin().describeGroup(APPLICATION_ID)
    const id = group?.members[0]?.groupInstanceId
    expect(await app.end('SIGTERM')).toBe(0)
    const names = new Set(collector.spans.map(({ name }) => name))
    expect([...names]).toEqual(expect.arrayContaining(['process trip.requested', 'push trip.offers']))
    expect(new Set(collector.spans.map(({ resource }) => resource['service.instance.id']))).toEqual(new Set([id]))
  } finally {
    await producer.disconnect()
    await app.end('SIGKILL')
  }
})
