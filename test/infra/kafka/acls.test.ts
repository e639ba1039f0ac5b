import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } from 'kafkajs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { createRideTopics } from '../../../app/topics/create-topics.ts'
import { connectKafka } from '../../../infra/kafka/kafka.ts'
import { AppProcess } from '../../support/app-process.ts'
import { kafkajs, kafkajsProducer } from '../../support/kafkajs.ts'
import { projectRoot, runCli } from '../../support/run-cli.ts'
import { runInProcess } from '../../support/run-in-process.ts'
import { addScramUser, type SecuredKafka, startSecuredKafka, unsignedToken } from '../../support/secured-kafka.ts'
import { untilDrained } from '../../support/until-drained.ts'

/*
 * The ACLs of docs/security.md, on a broker that denies everything else: the application over TLS with SCRAM, the operator with
 * OAUTHBEARER.
 */

const APPLICATION_ID = 'rides'
let broker: SecuredKafka
let directory: string
let application: Record<string, string>
let operator: Record<string, string>
/** The program that rebuilds, by its name in the table. */
let rebuilders: Record<'replay' | 'shadow', Record<string, string>>

beforeAll(async () => {
  broker = await startSecuredKafka({ superUsers: [] })
  await addScramUser(broker.open, 'application', 'app-password')
  directory = await mkdtemp(join(tmpdir(), 'ride-acls-'))
  const provider = join(directory, 'token.mjs')
  await writeFile(provider, `export const token = () => '${unsignedToken('operator', 600_000)}'`)
  application = {
    KAFKA_BROKERS: broker.saslTls,
    KAFKA_TLS: 'true',
    KAFKA_TLS_CA: broker.caFile,
    KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
    KAFKA_SASL_USERNAME: 'application',
    KAFKA_SASL_PASSWORD: 'app-password',
    APPLICATION_ID,
    STATE_DIR: directory,
    HTTP_TOKEN: 'http-token-secret',
    LOG_LEVEL: 'trace',
  }
  operator = {
    KAFKA_BROKERS: broker.sasl,
    KAFKA_SASL_MECHANISM: 'OAUTHBEARER',
    KAFKA_SASL_TOKEN_PROVIDER: provider,
    APPLICATION_ID,
  }
  const scram = async (user: string) => {
    await addScramUser(broker.open, user, `${user}-password`)
    return { ...application, KAFKA_SASL_USERNAME: user, KAFKA_SASL_PASSWORD: `${user}-password` }
  }
  rebuilders = { replay: await scram('replay'), shadow: await scram('shadow') }
  const kafka = connectKafka({ brokers: [broker.open], clientId: 'owner-of-input' })
  await createRideTopics(kafka.admin(), {
    applicationId: APPLICATION_ID,
    outputRetentionMs: -1,
    keepForever: true,
    roles: ['input'],
  })
  await kafka.close()
})

afterAll(async () => {
  await broker?.stop()
  await rm(directory, { recursive: true, force: true })
})

async function allowWhatIsDocumented(): Promise<number> {
  const text = await readFile(join(projectRoot, 'docs/security.md'), 'utf8')
  const [, table = ''] = /<!-- acls -->([\s\S]*)<!-- \/acls -->/.exec(text) ?? []
  const rows = table.trim().split('\n').slice(2)
  const acl = rows.flatMap((row) => {
    const [who = '', resource = '', pattern = '', names = '', operations = ''] = row
      .split('|')
      .slice(1)
      .map((cell) => cell.trim())
    return names.split(', ').flatMap((name) =>
      operations.split(', ').map((operation) => ({
        principal: `User:${who}`,
        host: '*',
        resourceType: AclResourceTypes[constant(resource) as keyof typeof AclResourceTypes],
        resourceName: name.replaceAll('`', '').replace('<application.id>', APPLICATION_ID),
        resourcePatternType: ResourcePatternTypes[constant(pattern) as keyof typeof ResourcePatternTypes],
        operation: AclOperationTypes[constant(operation) as keyof typeof AclOperationTypes],
        permissionType: AclPermissionTypes.ALLOW,
      })),
    )
  })
  const admin = kafkajs(broker.open).admin()
  await admin.connect()
  await admin.createAcls({ acl })
  await admin.disconnect()
  return rows.length
}

/** TransactionalId -> TRANSACTIONAL_ID, Create -> CREATE */
const constant = (word: string): string => word.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase()

const headers = { authorization: 'Bearer http-token-secret' }

async function produce(topic: string, key: string, data: object): Promise<void> {
  const producer = await kafkajsProducer(kafkajs(broker.open))
  const value = { eventId: key, eventType: topic, eventVersion: '1.0', timestamp: '2019-03-01T10:00:00Z', data }
  await producer.send({ topic, messages: [{ key, value: JSON.stringify(value) }] })
  await producer.disconnect()
}

it('without ACLs the application stops at once with one line', async () => {
  const { code, stderr } = await runCli(['start'], application)
  expect([code, stderr]).toEqual([
    1,
    expect.stringMatching(
      /^ride-streams: metadata of [a-z.]+: this user may not do that with the topic \(TOPIC_AUTHORIZATION_FAILED\)\n$/,
    ),
  ])
})

it('with the ACLs of docs/security.md the application and every tool work', async () => {
  expect(await allowWhatIsDocumented()).toBeGreaterThan(10)
  const app = await AppProcess.start(application)
  try {
    await app.ready()
    await produce('trip.completed', 't-1', { tripId: 't-1', finalFare: 12.25 })
    await produce('trip.completed', 't-2', { tripId: 't-2', finalFare: -1 })
    await untilDrained(broker.open, APPLICATION_ID, 30_000)
    expect(await (await fetch(`${app.url}/trips/t-1`, { headers })).json()).toMatchObject({ finalFare: 12.25 })
    const lines = ['lag', 'verify', 'rebuild-trip t-1', 'dlq list', 'dlq redrive --all', 'dlq list --limit 0']
    for (const line of lines) {
      const { code, stderr } = await runInProcess([...line.split(' '), '--json'], operator)
      expect([line, code, stderr]).toEqual([line, 0, ''])
    }
    await untilDrained(broker.open, APPLICATION_ID, 30_000)
  } finally {
    expect(await app.end('SIGTERM')).toBe(0)
  }
  // A second life: state restored, its own transactional id taken over.
  const again = await AppProcess.start({ ...application, STATE_DIR: join(directory, 'elsewhere') })
  await again.ready()
  expect(await (await fetch(`${again.url}/trips/t-1`, { headers })).json()).toMatchObject({ finalFare: 12.25 })
  // Beside it, as who may change nothing.
  const shadow = await runInProcess(['replay', '--shadow', '--json'], rebuilders.shadow)
  expect([shadow.code, shadow.stderr, JSON.parse(shadow.stdout)]).toEqual([
    0,
    '',
    expect.objectContaining({ total: 0, unsettled: 0 }),
  ])
  expect(await again.end('SIGTERM')).toBe(0)
  // A row that should not be there; and all outputs once more, so that everything is written that ever is.
  const changelog = `${APPLICATION_ID}-trip-state-changelog`
  const vandal = await kafkajsProducer(kafkajs(broker.open))
  await vandal.send({ topic: changelog, messages: [{ key: 't-9', value: 'nonsense' }] })
  await vandal.disconnect()
  const refused = await runInProcess(['replay', '--emit', 'all', '--json'], rebuilders.shadow)
  expect([refused.code, refused.stderr]).toEqual([1, expect.stringMatching(/AUTHORIZATION_FAILED/)])
  const replay = await runInProcess(['replay', '--emit', 'all', '--json'], rebuilders.replay)
  expect([replay.code, replay.stderr]).toEqual([0, ''])
  const { rows } = JSON.parse(replay.stdout) as { rows: { topic: string; written: number }[] }
  const writtenTo = new Map(rows.map(({ topic, written }) => [topic, written]))
  expect([writtenTo.get(changelog), writtenTo.get('trip.state'), writtenTo.get('analytics.hourly_revenue')]).toEqual([
    1, 1, 1,
  ])
  const verified = await runInProcess(['verify', '--json'], operator)
  expect([verified.code, verified.stderr]).toEqual([0, ''])

  const log = [...app.log, ...again.log].join('\n')
  expect(log).toContain('"level":"info"')
  for (const secret of ['app-password', 'http-token-secret']) expect(log.includes(secret), secret).toBe(false)
})

it('the operator cannot write outputs or commit for the group, the application cannot write input', async () => {
  const as = (sasl: Record<string, unknown>) => connectKafka({ brokers: [broker.sasl], clientId: 'x', sasl } as never)
  const attempts = [
    { sasl: { mechanism: 'OAUTHBEARER', tokenProvider: () => unsignedToken('operator') }, topic: 'trip.state' },
    {
      sasl: { mechanism: 'SCRAM-SHA-256', username: 'application', password: 'app-password' },
      topic: 'trip.completed',
    },
  ]
  for (const { sasl, topic } of attempts) {
    const kafka = as(sasl)
    const writer = kafka.writer({ transactionalId: null, deliveryTimeoutMs: 3000 })
    await writer.init()
    const batch = writer.newBatch()
    batch.append(topic, 0, 'k', 'v', 0, [])
    await expect(writer.commit({ batch, offsets: [], group: () => null })).rejects.toMatchObject({
      message: expect.stringMatching(/AUTHORIZATION_FAILED/),
    })
    await kafka.close()
  }
})
