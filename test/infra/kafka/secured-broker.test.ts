import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { kafkaConnection, loadConfig } from '../../../infra/config/index.ts'
import { connectKafka } from '../../../infra/kafka/kafka.ts'
import type { KafkaConnectionConfig, PasswordMechanism, TokenProvider } from '../../../infra/kafka/kafka-config.ts'
import { uniqueName } from '../../support/kafka.ts'
import { readAll, text, write } from '../../support/kafka-log.ts'
import { addScramUser, type SecuredKafka, startSecuredKafka, unsignedToken } from '../../support/secured-kafka.ts'

let broker: SecuredKafka

beforeAll(async () => {
  broker = await startSecuredKafka({ properties: { 'connections.max.reauth.ms': '3600000' } })
  await addScramUser(broker.open, 'bob', 'builder')
})
afterAll(async () => {
  await broker?.stop()
})

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

const LOGINS: [PasswordMechanism, string, string][] = [
  ['PLAIN', 'alice', 'wonderland'],
  ['SCRAM-SHA-256', 'bob', 'builder'],
  ['SCRAM-SHA-512', 'bob', 'builder'],
]

describe('a secured broker', () => {
  for (const [mechanism, username, password] of LOGINS) {
    it(`accepts a client that knows the password, by ${mechanism}, in plain text and over TLS`, async () => {
      const sasl = { mechanism, username, password }
      const open = { brokers: [broker.sasl], clientId: 'sasl', sasl }
      expect(await writeAndRead(open)).toEqual(['secret'])
      const tls = { brokers: [broker.saslTls], clientId: 'sasl', sasl, tls: { ca: broker.ca } }
      expect(await writeAndRead(tls)).toEqual(['secret'])
    })

    it(`refuses a wrong password at once, by ${mechanism}`, async () => {
      const kafka = connectKafka({
        brokers: [broker.sasl],
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

  it('speaks TLS with its own certificate authority, which a client without it does not trust', async () => {
    const brokers = [broker.tls]
    expect(await writeAndRead({ brokers, clientId: 'tls', tls: { ca: broker.ca } })).toEqual(['secret'])
    const stranger = connectKafka({ brokers, clientId: 'tls', tls: true }).admin({ timeoutMs: 500 })
    await expect(stranger.listTopics()).rejects.toMatchObject({ message: expect.stringMatching(/self-signed/) })
    await stranger.close()
  })

  it('accepts a client by its certificate (mutual TLS), given in code or by environment variables, and refuses one without', async () => {
    const { ca, caFile, client, mutualTls } = broker
    const { cert, key } = client
    expect(await writeAndRead({ brokers: [mutualTls], clientId: 'mtls', tls: { ca, cert, key } })).toEqual(['secret'])
    const environment = {
      KAFKA_BROKERS: mutualTls,
      KAFKA_TLS: 'true',
      KAFKA_TLS_CA: caFile,
      KAFKA_TLS_CERT: client.certFile,
      KAFKA_TLS_KEY: client.keyFile,
    }
    expect(await writeAndRead(kafkaConnection(loadConfig(environment)))).toEqual(['secret'])
    const stranger = connectKafka({ brokers: [mutualTls], clientId: 'mtls', tls: { ca } }).admin({ timeoutMs: 500 })
    await expect(stranger.listTopics()).rejects.toMatchObject({ message: expect.stringMatching(/certificate/) })
    await stranger.close()
  })

  it('reports that it requires TLS when a client speaks plain text', async () => {
    const admin = connectKafka({ brokers: [broker.tls], clientId: 'plain' }).admin({ timeoutMs: 2000 })
    await expect(admin.listTopics()).rejects.toMatchObject({ message: expect.stringContaining('TLS') })
    await admin.close()
  })

  describe('OAUTHBEARER', () => {
    const login = (tokenProvider: TokenProvider | string, tls = false): KafkaConnectionConfig => ({
      brokers: [tls ? broker.saslTls : broker.sasl],
      clientId: 'oauth',
      sasl: { mechanism: 'OAUTHBEARER', tokenProvider },
      ...(tls ? { tls: { ca: broker.ca } } : {}),
    })
    const listTopics = async (config: KafkaConnectionConfig, timeoutMs = 20_000) => {
      const admin = connectKafka(config).admin({ timeoutMs })
      return admin.listTopics().finally(() => admin.close())
    }

    it('accepts a client with a token, in plain text and over TLS, and the client asks for one for every connection', async () => {
      let asked = 0
      const provider = async () => {
        asked++
        return unsignedToken('carol')
      }
      expect(await writeAndRead(login(provider))).toEqual(['secret'])
      expect(asked).toBeGreaterThan(2)
      expect(await writeAndRead(login(() => unsignedToken('carol'), true))).toEqual(['secret'])
    })

    it('renews the login with a new token before the old one expires', async () => {
      let asked = 0
      const provider = () => {
        asked++
        return unsignedToken('carol', 2000)
      }
      const admin = connectKafka(login(provider)).admin()
      await admin.listTopics()
      expect(asked).toBe(1)
      while (asked === 1) {
        await admin.listTopics()
        await sleep(20)
      }
      await admin.close()
    })

    it('refuses an expired or malformed token at once, and the error does not contain the token', async () => {
      const expired = unsignedToken('carol', -60_000)
      const refused = await listTopics(login(() => expired)).catch((error: unknown) => String(error))
      expect(refused).toMatch(/SASL authentication failed: .*invalid_token/)
      expect(refused).not.toContain(expired)
      await expect(listTopics(login(() => 'a\u0001b'))).rejects.toMatchObject({
        code: 'KAFKA_FATAL',
        message: expect.stringContaining('not a bearer token'),
      })
    })

    it('asks a provider that failed again', async () => {
      let asked = 0
      const provider = () => {
        if (++asked < 3) throw new Error('the token service is away')
        return unsignedToken('carol')
      }
      expect(await listTopics(login(provider))).toEqual(expect.any(Array))
      const away = () => Promise.reject(new Error('the token service is away'))
      await expect(listTopics(login(away), 300)).rejects.toMatchObject({
        message: expect.stringContaining('the token provider gave no SASL token: the token service is away'),
      })
    })

    it('loads a provider from a module, and refuses a missing or empty module at once', async () => {
      const source = (text: string) => `data:text/javascript,${encodeURIComponent(text)}`
      const token = unsignedToken('carol')
      expect(await listTopics(login(source(`export const token = async () => '${token}'`)))).toEqual(expect.any(Array))
      await expect(listTopics(login(source('export const tokens = 1')))).rejects.toMatchObject({
        code: 'KAFKA_FATAL',
        message: expect.stringContaining('exports no function token'),
      })
      await expect(listTopics(login('file:///nowhere.mjs'))).rejects.toMatchObject({ code: 'KAFKA_FATAL' })
    })
  })
})
