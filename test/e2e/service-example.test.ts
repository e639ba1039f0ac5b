import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { startService } from '../../examples/06-service.ts'
import { freePorts } from '../../infra/local-kafka/readiness.ts'
import { kafkaForTests } from '../support/kafka.ts'
import { kafkajs, kafkajsProducer } from '../support/kafkajs.ts'

it('06: two instances share the words, and each answers for all of them', async () => {
  const { bootstrap: brokers } = await kafkaForTests()
  const kafka = kafkajs(brokers)
  const admin = kafka.admin()
  await admin.createTopics({ topics: ['lines', 'word-counts'].map((topic) => ({ topic, numPartitions: 4 })) })
  const producer = await kafkajsProducer(kafka)
  const words = ['tea', 'coffee', 'water', 'milk', 'juice', 'cocoa', 'lemonade', 'cider']
  await producer.send({ topic: 'lines', messages: [{ value: words.join(' ') }, { value: words.join(', ') }] })

  const state = await mkdtemp(join(tmpdir(), 'word-service-'))
  const ports = await freePorts(2)
  const services = await Promise.all(
    ports.map((port) => startService({ brokers, port, stateDir: join(state, String(port)) })),
  )
  try {
    const shares = () => Promise.all(services.map(async ({ streams }) => (await streams.tasks()).length))
    await expect.poll(shares).toEqual([4, 4])
    for (const port of ports) {
      const counts = async () => {
        const answers = await Promise.all(
          words.map((word) => fetch(`http://127.0.0.1:${port}/stores/counts/rows/${word}`)),
        )
        return Promise.all(answers.map((answer) => answer.json()))
      }
      await expect.poll(counts).toMatchObject(words.map((word) => ({ key: word, value: 2 })))
    }
    // 503 while its task moves.
    const absent = async () => (await fetch(`http://127.0.0.1:${ports[0]}/stores/counts/rows/beer`)).status
    await expect.poll(absent).toBe(404)
  } finally {
    await Promise.all(services.map(({ close }) => close()))
    await producer.disconnect()
    await rm(state, { recursive: true })
  }
})
