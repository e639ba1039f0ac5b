import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeAll, expect, it } from 'vitest'
import { type ConfigInCode, configOf, loadConfig, variables } from '../../../infra/config/index.ts'
import { StreamsConfigError } from '../../../state/ports/errors.ts'

let certFile: string
let keyFile: string

beforeAll(async () => {
  const directory = await mkdtemp(join(tmpdir(), 'ride-streams-pem-'))
  certFile = join(directory, 'cert.pem')
  keyFile = join(directory, 'key.pem')
  const made = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', keyFile]
  execFileSync('openssl', ['req', '-x509', ...made, '-out', certFile, '-days', '2', '-subj', '/CN=me'], {
    stdio: 'ignore',
  })
})

it('settings in code have the defaults of the environment', () => {
  expect(configOf({})).toEqual(loadConfig({}))
})

it('the same settings, in code and in an environment, are the same configuration', () => {
  const [cert, key] = [certFile, keyFile].map((file) => readFileSync(file))
  const inCode = configOf({
    applicationId: 'words',
    brokers: ['a:9092', '[::1]:9093'],
    tls: { ca: cert, cert, key, servername: 'broker.example' },
    sasl: { mechanism: 'SCRAM-SHA-512', username: 'u', password: 'p' },
    applicationServer: 'me:8080',
    clientRack: 'zone-a',
    compression: 'zstd',
    numStreamThreads: 3,
    commitIntervalMs: 1000,
    stateDir: '/var/lib/words',
    httpAllowedHosts: ['a', 'b'],
  })
  const environment = loadConfig({
    APPLICATION_ID: 'words',
    KAFKA_BROKERS: 'a:9092,[::1]:9093',
    KAFKA_TLS: 'true',
    KAFKA_TLS_CA: certFile,
    KAFKA_TLS_CERT: certFile,
    KAFKA_TLS_KEY: keyFile,
    KAFKA_TLS_SERVERNAME: 'broker.example',
    KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
    KAFKA_SASL_USERNAME: 'u',
    KAFKA_SASL_PASSWORD: 'p',
    APPLICATION_SERVER: 'me:8080',
    CLIENT_RACK: 'zone-a',
    COMPRESSION_TYPE: 'zstd',
    NUM_STREAM_THREADS: '3',
    COMMIT_INTERVAL_MS: '1000',
    STATE_DIR: '/var/lib/words',
    HTTP_ALLOWED_HOSTS: 'a,b',
  })
  expect(inCode).toEqual(environment)
  expect(inCode.tls).toEqual({
    ca: cert?.toString(),
    cert: cert?.toString(),
    key: key?.toString(),
    servername: 'broker.example',
  })
})

it('a configuration that was read from an environment may be given in code, with changes', () => {
  const read = loadConfig({ KAFKA_BROKERS: 'a:1', KAFKA_TLS: 'true', APPLICATION_SERVER: 'me:1', HTTP_HOST: 'me' })
  expect(configOf(read)).toEqual(read)
  expect(configOf({ ...read, numStreamThreads: 2, tls: false })).toMatchObject({ brokers: ['a:1'], tls: false })
})

it.each<[unknown, string]>([
  [{ comitIntervalMs: 5 }, 'comitIntervalMs: there is no such setting, did you mean commitIntervalMs?'],
  [{ 'commit.interval.ms': 5 }, 'commit.interval.ms: there is no such setting, did you mean commitIntervalMs?'],
  [{ COMMIT_INTERVAL_MS: 5 }, 'COMMIT_INTERVAL_MS: there is no such setting, did you mean commitIntervalMs?'],
  [{ kafkaStreams: 1 }, 'kafkaStreams: there is no such setting'],
  [{ tls: { certificate: 'x' } }, 'tls.certificate: there is no such setting'],
  [{ tls: { cret: 'x' } }, 'tls.cret: there is no such setting, did you mean tls.cert?'],
  [{ tls: 'yes' }, 'tls: "yes" is not accepted, expected true | false'],
  [{ sasl: 'PLAIN' }, 'sasl: the value given is not accepted, expected an object with mechanism'],
  [{ sasl: { mechanism: 'PLAIN', username: 'u' } }, 'sasl.mechanism: "PLAIN" needs sasl.username and sasl.password'],
  [{ sasl: {} }, 'sasl: the value given is not accepted, expected an object with mechanism'],
  [
    { sasl: { username: 'u', password: 'p' } },
    'sasl.username: is set without sasl.mechanism, expected sasl.mechanism with it',
  ],
  [{ tls: { cert: () => 'x' } }, 'tls.cert: a function is not accepted, expected certificates as PEM'],
  [{ brokers: [] }, 'brokers: [] is not accepted, expected host:port'],
  [{ brokers: ['a'] }, 'brokers: ["a"] is not accepted, expected host:port'],
  [{ commitIntervalMs: '5' }, 'commitIntervalMs: "5" is not accepted, expected a whole number from 1 to 3600000'],
  [{ commitIntervalMs: Number.NaN }, 'commitIntervalMs: NaN is not accepted'],
  [{ commitIntervalMs: null }, 'commitIntervalMs: null is not accepted'],
  [{ commitIntervalMs: 5n }, 'commitIntervalMs: a bigint is not accepted'],
  [{ compression: 'brotli' }, 'compression: "brotli" is not accepted, expected none | gzip | snappy | lz4 | zstd'],
  [{ httpToken: 'hush' }, 'httpToken: the value given is not accepted'],
])('configOf refuses %o in one line', (given, message) => {
  expect(() => configOf(given as ConfigInCode)).toThrow(StreamsConfigError)
  expect(() => configOf(given as ConfigInCode)).toThrow(message)
  expect(() => configOf(given as ConfigInCode)).not.toThrow(/\n/)
})

it('a certificate needs its key, and an environment says so in its own names', () => {
  const cert = readFileSync(certFile, 'utf8')
  expect(() => configOf({ tls: { cert } })).toThrow('tls.cert and tls.key: only one is set, expected both or none')
  expect(() => loadConfig({ KAFKA_TLS: 'true', KAFKA_TLS_CERT: certFile })).toThrow(
    'KAFKA_TLS_CERT and KAFKA_TLS_KEY: only one is set, expected both or none',
  )
  expect(() => loadConfig({ KAFKA_TLS_CERT: certFile, KAFKA_TLS_KEY: keyFile })).toThrow(
    'KAFKA_TLS_CERT: is set while KAFKA_TLS is false, expected KAFKA_TLS=true with it',
  )
})

it('every setting has an own variable', () => {
  const names = Object.values(variables).map(({ env }) => env)
  expect(new Set(names).size).toBe(names.length)
})
