import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import type { Compression } from '../../../infra/kafka/compression.ts'
import { connectKafka } from '../../../infra/kafka/kafka.ts'
import { jarList, kafkaJars } from '../../../infra/local-kafka/jars.ts'
import { DEFAULT_KAFKA_VERSION } from '../../../infra/local-kafka/local-kafka.ts'
import { findJava } from '../../../infra/local-kafka/tools.ts'
import { kafkaForTests, uniqueName } from '../../support/kafka.ts'
import { readAll, text, write } from '../../support/kafka-log.ts'

const COMPRESSIONS: readonly Compression[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

/** Reads so many records with Kafka's own consumer. */
async function javaConsumer(bootstrap: string, topic: string, records: number): Promise<string[]> {
  const java = (await findJava())?.command ?? 'java'
  const classPath = await jarList(await kafkaJars(DEFAULT_KAFKA_VERSION, () => undefined))
  const program = join(import.meta.dirname, 'java/ReadRecords.java')
  const quick = ['-Xmx128m', '-XX:TieredStopAtLevel=1', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error']
  const args = [...quick, '-cp', classPath, program, bootstrap, topic, String(records)]
  const { stdout } = await promisify(execFile)(java, args)
  return stdout.split('\n').filter((line) => line.startsWith('value'))
}

it("Kafka's consumer reads what is written with every compression, and so does ours", async () => {
  const { bootstrap } = await kafkaForTests()
  const kafka = connectKafka({ brokers: [bootstrap], clientId: 'compression' })
  const topic = uniqueName('compressed')
  await kafka.admin().createTopics([{ name: topic, partitions: 1, config: {} }])
  const values = COMPRESSIONS.map((compression) => `value of ${compression} ${'x'.repeat(2000)}`)
  for (const [i, compression] of COMPRESSIONS.entries()) {
    const writer = kafka.writer({ transactionalId: null, compression })
    await writer.init()
    await write(writer, [{ topic, partition: 0, key: null, value: values[i] ?? null }])
    await writer.close()
  }
  const [ours = []] = await readAll(kafka, topic, [COMPRESSIONS.length])
  expect(ours.map(({ value }) => text(value))).toEqual(values)
  expect(await javaConsumer(bootstrap, topic, COMPRESSIONS.length)).toEqual(values)
  await kafka.close()
})
