import { execFile } from 'node:child_process'
import { pbkdf2Sync, randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { alterUserScramCredentialsV0 } from '@platformatic/kafka'
import { call } from '../../infra/kafka/call.ts'
import { ClusterClient } from '../../infra/kafka/cluster-client.ts'
import { DEFAULT_KAFKA_VERSION, type LocalKafka } from '../../infra/local-kafka/local-kafka.ts'
import { freePorts } from '../../infra/local-kafka/readiness.ts'
import { serverProperties } from '../../infra/local-kafka/server-properties.ts'
import { startOwnKafka } from './kafka.ts'

/** Addresses of one broker: open (whoever comes that way may do anything), SASL, TLS, both, and TLS with certificates of both sides. */
export interface SecuredKafka {
  readonly open: string
  readonly sasl: string
  readonly tls: string
  readonly saslTls: string
  readonly mutualTls: string
  /** A certificate that mutualTls accepts, its key, and where they lie. */
  readonly client: { readonly cert: Buffer; readonly key: Buffer; readonly certFile: string; readonly keyFile: string }
  /** PEM of the authority that signed its certificate, and where it lies. */
  readonly ca: Buffer
  readonly caFile: string
  stop(): Promise<void>
}

const PLAIN_LOGIN =
  'org.apache.kafka.common.security.plain.PlainLoginModule required user_alice="wonderland" username="alice" password="wonderland";'
const SCRAM_LOGIN = 'org.apache.kafka.common.security.scram.ScramLoginModule required;'
// Kafka's own validator for tests: it believes every token that is not signed.
const OAUTH_LOGIN = 'org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;'

export interface SecuredKafkaOptions {
  /** The user who may do everything; everybody else needs ACLs. Without it there are no ACLs. */
  readonly superUsers?: readonly string[]
  readonly properties?: Readonly<Record<string, string>>
}

/** PLAIN (alice / wonderland), SCRAM (users are added by addScramUser) and OAUTHBEARER with unsigned tokens. */
export async function startSecuredKafka(options: SecuredKafkaOptions = {}): Promise<SecuredKafka> {
  const [plain = 0, controller = 0, sasl = 0, tls = 0, saslTls = 0, mutual = 0] = await freePorts(6)
  const directory = await mkdtemp(join(tmpdir(), 'ride-streams-tls-'))
  const { keystore, caFile } = await makeCertificate(directory)
  const client = await makeClientCertificate(directory)
  const on = (port: number) => `127.0.0.1:${port}`
  const clients = `PLAINTEXT://${on(plain)},SASL://${on(sasl)},TLS://${on(tls)},SASLTLS://${on(saslTls)},MTLS://${on(mutual)}`
  const secured: Record<string, string> = {
    'listener.security.protocol.map':
      'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SSL,SASLTLS:SASL_SSL,MTLS:SSL',
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
    'ssl.keystore.location': keystore,
    'ssl.keystore.password': 'changeit',
    'ssl.keystore.type': 'PKCS12',
    'listener.name.mtls.ssl.client.auth': 'required',
    'listener.name.mtls.ssl.truststore.type': 'PEM',
    'listener.name.mtls.ssl.truststore.location': client.certFile,
    ...options.properties,
  }
  for (const listener of ['sasl', 'sasltls']) {
    secured[`listener.name.${listener}.plain.sasl.jaas.config`] = PLAIN_LOGIN
    secured[`listener.name.${listener}.scram-sha-256.sasl.jaas.config`] = SCRAM_LOGIN
    secured[`listener.name.${listener}.scram-sha-512.sasl.jaas.config`] = SCRAM_LOGIN
    secured[`listener.name.${listener}.oauthbearer.sasl.jaas.config`] = OAUTH_LOGIN
  }
  if (options.superUsers !== undefined) {
    secured['authorizer.class.name'] = 'org.apache.kafka.metadata.authorizer.StandardAuthorizer'
    secured['super.users'] = ['ANONYMOUS', ...options.superUsers].map((name) => `User:${name}`).join(';')
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
  let broker: LocalKafka
  try {
    broker = await startOwnKafka({ port: plain, kafkaVersion: DEFAULT_KAFKA_VERSION, onlyTheseProperties: properties })
  } catch (error) {
    await rm(directory, { recursive: true, force: true })
    throw error
  }
  return {
    open: on(plain),
    sasl: on(sasl),
    tls: on(tls),
    saslTls: on(saslTls),
    mutualTls: on(mutual),
    client: { ...client, cert: await readFile(client.certFile), key: await readFile(client.keyFile) },
    ca: await readFile(caFile),
    caFile,
    async stop() {
      await broker.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

async function makeCertificate(directory: string): Promise<{ keystore: string; caFile: string }> {
  const keystore = join(directory, 'broker.p12')
  const caFile = join(directory, 'ca.pem')
  const keytool = (...args: string[]) =>
    promisify(execFile)('keytool', [...args, '-keystore', keystore, '-storepass', 'changeit', '-alias', 'broker'])
  await keytool(
    ...['-genkeypair', '-keyalg', 'EC', '-groupname', 'secp256r1', '-validity', '2', '-dname', 'CN=localhost'],
    ...['-ext', 'san=dns:localhost,ip:127.0.0.1', '-storetype', 'PKCS12'],
  )
  await keytool('-exportcert', '-rfc', '-file', caFile)
  return { keystore, caFile }
}

async function makeClientCertificate(directory: string): Promise<{ certFile: string; keyFile: string }> {
  const [certFile, keyFile] = [join(directory, 'client.pem'), join(directory, 'client-key.pem')]
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile]
  const args = ['req', '-x509', ...key, '-out', certFile, '-days', '2', '-subj', '/CN=client']
  await promisify(execFile)('openssl', args)
  return { certFile, keyFile }
}

/** Does what `kafka-configs --alter --add-config SCRAM-SHA-...` does; resolves when the broker has taken it over. */
export async function addScramUser(bootstrap: string, name: string, password: string): Promise<void> {
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

/** A token as Kafka's unsecured validator takes it: nothing is signed. */
export function unsignedToken(subject: string, livesMs = 60_000): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const now = Math.floor(Date.now() / 1000)
  return `${part({ alg: 'none' })}.${part({ sub: subject, iat: now, exp: now + Math.floor(livesMs / 1000) })}.`
}
