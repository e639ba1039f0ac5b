import { execFile } from 'node:child_process'
import { pbkdf2Sync, randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { alterUserScramCredentialsV0 } from '@platformatic/kafka'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call } from '../../../infra/kafka/call.ts'
import { ClusterClient } from '../../../infra/kafka/cluster-client.ts'
import { connectKafka } from '../../../infra/kafka/kafka.ts'
import type { KafkaConnectionConfig, SaslMechanism } from '../../../infra/kafka/kafka-config.ts'
import { DEFAULT_KAFKA_VERSION, type LocalKafka } from '../../../infra/local-kafka/local-kafka.ts'
import { freePorts } from '../../../infra/local-kafka/readiness.ts'
import { serverProperties } from '../../../infra/local-kafka/server-properties.ts'
import { startOwnKafka, uniqueName } from '../../support/kafka.ts'
import { readAll, text, write } from '../../support/kafka-log.ts'

let broker: LocalKafka
let directory: string
let ca: Buffer
let ports: { plain: number; sasl: number; tls: number; saslTls: number }

const PLAIN_LOGIN =
  'org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="wonderland" username="alice" password="wonderland";'
const SCRAM_LOGIN = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'

beforeAll(async () => {
  const [plain = 0, controller = 0, sasl = 0, tls = 0, saslTls = 0] = await freePorts(5)
  ports = { plain, sasl, tls, saslTls }
  directory = await mkdtemp(join(tmpdir(), 'ride-streams-tls-'))
  const keystore = join(directory, 'broker.p12')
  const keytool = (...args: string[]) =>
    promisify(execFile)('keytool', [...args, '-keystore', keystore, '-storepass', 'changeit', '-alias', 'broker'])
  await keytool(
    ...['-genkeypair', '-keyalg', 'EC', '-groupname', 'secp256r1', '-validity', '2', '-dname', 'CN=localhost'],
    ...['-ext', 'san=dns:localhost,ip:127.0.0.1', '-storetype', 'PKCS12'],
  )
  await keytool('-exportcert', '-rfc', '-file', join(directory, 'ca.pem'))
  ca = await readFile(join(directory, 'ca.pem'))
  const on = (port: number) => `127.0.0.1:${port}`
  const clients = `PLAINTEXT://${on(plain)},SASL://${on(sasl)},TLS://${on(tls)},SASLTLS://${on(saslTls)}`
  const secured: Record<string, string> = {
    'listener.security.protocol.map':
      'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SSL,SASLTLS:SASL_SSL',
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
    'ssl.keystore.location': keystore,
    'ssl.keystore.password': 'changeit',
    'ssl.keystore.type': 'PKCS12',
  }
  for (const listener of ['sasl', 'sasltls']) {
    secured[`listener.name.${listener}.plain.sasl.jaas.config`] = PLAIN_LOGIN
    secured[`listener.name.${listener}.scram-sha-256.sasl.jaas.config`] = SCRAM_LOGIN
    secured[`listener.name.${listener}.scram-sha-512.sasl.jaas.config`] = SCRAM_LOGIN
  }
  const { 'log.dirs': _, ...properties } = serverProperties(
    {
      listeners: `${clients},CONTROLLER://${on(controller)}`,
      advertised: clients,
      controllerQuorum: `1@${on(controller)}`,
      logDir: '',
    },
    secured,
  )
  broker = await startOwnKafka({ port: plain, kafkaVersion: DEFAULT_KAFKA_VERSION, onlyTheseProperties: properties })
  await addScramUser(on(plain), 'bob', 'builder')
})
afterAll(async () => {
  await broker?.stop()
  await rm(directory, { recursive: true, force: true })
})

/** As `kafka-configs --alter --add-config SCRAM-SHA-...`; resolves when the broker has taken it over. */
async function addScramUser(bootstrap: string, name: string, password: string): Promise<void> {
  const cluster = new ClusterClient({ brokers: [bootstrap], clientId: 'operator' })
  const upsertions = ([1, 2] as const).map((mechanism) => {
    const salt = randomBytes(16)
    const [size, digest] = mechanism === 1 ? [32, 'sha256'] : [64, 'sha512']
    return {
      name,
      mechanism,
      iterations: 4096,
      salt,
      saltedPassword: pbkdf2Sync(password, salt, 4096, Number(size), String(digest)),
    }
  })
  // One at a time: a request may name a user once only.
  for (const upsertion of upsertions) {
    await call(alterUserScramCredentialsV0.api, await cluster.anyConnection(), [], [upsertion])
  }
  await cluster.close()
}

async function writeAndRead(config: KafkaConnectionConfig): Promise<(string | null)[]> {
  const kafka = connectKafka(config)
  try {
    const topic = uniqueName('secured')
    await kafka.admin().createTopics([{ name: topic, partitions: 1, config: {} }])
    const writer = kafka.writer({ transactionalId: uniqueName('tx') })
    await writer.init()
    await write(writer, [{ topic, partition: 0, key: null, value: 'secret' }])
    const [records] = await readAll(kafka, topic, [2])
    return (records ?? []).map(({ value }) => text(value))
  } finally {
    await kafka.close()
  }
}

const LOGINS: [SaslMechanism, string, string][] = [
  ['PLAIN', 'alice', 'wonderland'],
  ['SCRAM-SHA-256', 'bob', 'builder'],
  ['SCRAM-SHA-512', 'bob', 'builder'],
]

describe('a secured broker', () => {
  for (const [mechanism, username, password] of LOGINS) {
    it(`lets in who knows the password, by ${mechanism}, in plain text and over TLS`, async () => {
      const sasl = { mechanism, username, password }
      const open = { brokers: [`127.0.0.1:${ports.sasl}`], clientId: 'sasl', sasl }
      expect(await writeAndRead(open)).toEqual(['secret'])
      const tls = { brokers: [`127.0.0.1:${ports.saslTls}`], clientId: 'sasl', sasl, tls: { ca } }
      expect(await writeAndRead(tls)).toEqual(['secret'])
    })

    it(`refuses a wrong password at once, by ${mechanism}`, async () => {
      const kafka = connectKafka({
        brokers: [`127.0.0.1:${ports.sasl}`],
        clientId: 'sasl',
        sasl: { mechanism, username, password: 'wrong' },
      })
      await expect(kafka.admin().listTopics()).rejects.toMatchObject({ code: 'KAFKA_FATAL' })
      const reader = kafka.reader()
      reader.assign({ topic: 't', partition: 0 }, 0)
      await expect(reader.poll(20_000)).rejects.toMatchObject({ code: 'KAFKA_FATAL' })
      await kafka.close()
    })
  }

  it('speaks TLS with a certificate authority of its own, which a stranger does not trust', async () => {
    const brokers = [`127.0.0.1:${ports.tls}`]
    expect(await writeAndRead({ brokers, clientId: 'tls', tls: { ca } })).toEqual(['secret'])
    const stranger = connectKafka({ brokers, clientId: 'tls', tls: true }).admin({ timeoutMs: 500 })
    await expect(stranger.listTopics()).rejects.toMatchObject({ message: expect.stringMatching(/self-signed/) })
    await stranger.close()
  })

  it('says that it wants TLS when it is spoken to in plain text', async () => {
    const admin = connectKafka({ brokers: [`127.0.0.1:${ports.tls}`], clientId: 'plain' }).admin({ timeoutMs: 2000 })
    await expect(admin.listTopics()).rejects.toMatchObject({ message: expect.stringContaining('TLS') })
    await admin.close()
  })
})
