import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { configurationPage } from '../../../app/config/configuration-page.ts'
import { loadRideConfig, publicRideConfig } from '../../../app/config/ride-config.ts'
import { rideVariables } from '../../../app/config/ride-variables.ts'
import { configWarnings, type Environment, requireBrokers } from '../../../infra/config/index.ts'
import { variables } from '../../../infra/config/variables.ts'
import { StreamsConfigError } from '../../../state/ports/errors.ts'

const root = join(import.meta.dirname, '../../..')

function problemOf(env: Environment): string {
  try {
    loadRideConfig(env)
  } catch (error) {
    if (error instanceof StreamsConfigError) return error.message
    throw error
  }
  return 'accepted'
}

describe('loadRideConfig', () => {
  it('has the documented defaults', () => {
    expect(loadRideConfig({})).toEqual({
      brokers: null,
      tls: false,
      sasl: null,
      clientRack: null,
      compression: 'none',
      applicationId: 'ride-streams',
      applicationServer: null,
      stateDir: './.state',
      stateCleanupDelayMs: 600_000,
      stateBackend: 'level',
      processingGuarantee: 'exactly_once_v2',
      commitIntervalMs: 100,
      numStreamThreads: 1,
      numStandbyReplicas: 0,
      acceptableRecoveryLag: 10_000,
      maxWarmupReplicas: 2,
      probingRebalanceIntervalMs: 600_000,
      deserializationExceptionHandler: 'dead-letter',
      processingExceptionHandler: 'fail',
      productionExceptionHandler: 'fail',
      staleStore: 'restore',
      taskTimeoutMs: 300_000,
      closeTimeoutMs: 20_000,
      uncaughtExceptionHandler: 'shutdown-client',
      memoryLimitBytes: null,
      statestoreCacheMaxBytes: 67_108_864,
      statestoreBuffersMaxBytes: 134_217_728,
      sessionTimeoutMs: 10_000,
      replicationFactor: -1,
      outputRetentionMs: 604_800_000,
      processors: [
        'trip-state',
        'driver-cells',
        'hourly-revenue',
        'trip-offers',
        'cell-demand',
        'trip-funnel',
        'driver-earnings',
        'trip-history',
      ],
      h3Resolution: 9,
      driverTtlMs: 300_000,
      tripHistoryRetentionMs: 604_800_000,
      auditPostgresSchema: 'rides',
      auditPostgresUrl: null,
      httpAllowedHosts: null,
      httpCorsOrigins: null,
      httpEtag: false,
      httpGzipMinBytes: 0,
      httpHost: '127.0.0.1',
      httpMaxSubscribers: 1000,
      httpMinOffsetWaitMs: 5000,
      httpPort: 8080,
      httpReadOnly: false,
      httpTlsCa: null,
      httpTlsCert: null,
      httpTlsKey: null,
      httpToken: null,
      logLevel: 'info',
      otelEndpoint: null,
      otelSamplerArg: 0.01,
      autoOffsetReset: 'earliest',
    })
  })

  it('reads every kind of value', () => {
    const config = loadRideConfig({
      KAFKA_BROKERS: 'a:9092, b.example:9093,[::1]:9094',
      KAFKA_TLS: 'true',
      APPLICATION_SERVER: '10.0.0.7:8080',
      REPLICATION_FACTOR: '-1',
      OUTPUT_RETENTION_MS: '-1',
      NUM_STREAM_THREADS: '2',
      STATE_BACKEND: 'memory',
      STATE_DIR: ' /var/lib/rides ',
      PROCESSORS: 'trip-state, driver-earnings',
    })
    expect(requireBrokers(config)).toEqual(['a:9092', 'b.example:9093', '[::1]:9094'])
    expect(config).toMatchObject({
      tls: true,
      applicationServer: { host: '10.0.0.7', port: 8080 },
      replicationFactor: -1,
      outputRetentionMs: -1,
      numStreamThreads: 2,
      stateBackend: 'memory',
      stateDir: '/var/lib/rides',
      processors: ['trip-state', 'driver-earnings'],
    })
  })

  it('takes an empty variable as unset', () => {
    expect(loadRideConfig({ KAFKA_BROKERS: '', HTTP_PORT: ' ' })).toMatchObject({ brokers: null, httpPort: 8080 })
  })

  it.each([
    ['KAFKA_BROKERS', 'localhost'],
    ['KAFKA_BROKERS', 'localhost:0'],
    ['KAFKA_BROKERS', 'localhost:9092,'],
    ['KAFKA_BROKERS', 'http://localhost:9092'],
    ['KAFKA_TLS', 'yes'],
    ['KAFKA_TLS_CA', '/no/such/file.pem'],
    ['KAFKA_TLS_CERT', '/no/such/file.pem'],
    ['KAFKA_SASL_MECHANISM', 'plain'],
    ['CLIENT_RACK', 'rack 1'],
    ['COMPRESSION_TYPE', 'brotli'],
    ['APPLICATION_ID', 'ride streams'],
    ['APPLICATION_SERVER', '8080'],
    ['STATE_BACKEND', 'leveldb'],
    ['PROCESSING_GUARANTEE', 'exactly_once'],
    ['COMMIT_INTERVAL_MS', '0'],
    ['COMMIT_INTERVAL_MS', '1e3'],
    ['COMMIT_INTERVAL_MS', '0x10'],
    ['NUM_STREAM_THREADS', '0'],
    ['NUM_STREAM_THREADS', '1.5'],
    ['NUM_STANDBY_REPLICAS', '-1'],
    ['STATESTORE_CACHE_MAX_BYTES', '64MB'],
    ['STATESTORE_BUFFERS_MAX_BYTES', '1000'],
    ['SESSION_TIMEOUT_MS', '999'],
    ['REPLICATION_FACTOR', '0'],
    ['OUTPUT_RETENTION_MS', '-2'],
    ['PROCESSORS', 'trip-state,trips'],
    ['PROCESSORS', 'trip-state,trip-state'],
    ['H3_RESOLUTION', '16'],
    ['DRIVER_TTL_MS', '-1'],
    ['HTTP_HOST', 'a b'],
    ['HTTP_PORT', '65536'],
    ['LOG_LEVEL', 'verbose'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'localhost:4318'],
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'http://user:secret@collector:4318'],
    ['OTEL_TRACES_SAMPLER_ARG', '1.1'],
    ['OTEL_TRACES_SAMPLER_ARG', '-0.1'],
    ['OTEL_TRACES_SAMPLER_ARG', '1e-3'],
    ['AUTO_OFFSET_RESET', 'newest'],
  ])('refuses %s=%s in one line that names variable, value and what is accepted', (name, value) => {
    const accepts = Object.values({ ...variables, ...rideVariables }).find(({ env }) => env === name)?.kind.accepts
    expect(problemOf({ [name]: value })).toBe(`${name}: "${value}" is not accepted, expected ${accepts}`)
  })

  it('never shows a secret', () => {
    expect(problemOf({ HTTP_TOKEN: 'hush me' })).toBe(
      'HTTP_TOKEN: the value given is not accepted, expected at least 8 printable characters without spaces',
    )
    const login = { KAFKA_SASL_MECHANISM: 'PLAIN', KAFKA_SASL_USERNAME: 'u', KAFKA_SASL_PASSWORD: 'secret' }
    const config = loadRideConfig({ HTTP_TOKEN: 'hush-hush', ...login })
    const sasl = { mechanism: 'PLAIN', username: 'u', password: '***' }
    expect(publicRideConfig(config)).toEqual({ ...config, httpToken: '***', sasl })
  })

  it('reports the first of several bad values in the order of the table', () => {
    expect(problemOf({ HTTP_PORT: 'x', KAFKA_TLS: 'x', APPLICATION_ID: '' })).toMatch(/^KAFKA_TLS: /)
  })

  it('keeps the message on one line whatever the value', () => {
    expect(problemOf({ LOG_LEVEL: 'a\nb' })).not.toContain('\n')
  })

  it('wants SASL credentials with a mechanism, and TLS with a CA', () => {
    expect(problemOf({ KAFKA_SASL_MECHANISM: 'OAUTHBEARER', KAFKA_SASL_PASSWORD: 'p' })).toContain(
      'KAFKA_SASL_TOKEN_PROVIDER',
    )
    const provider = { KAFKA_SASL_MECHANISM: 'OAUTHBEARER', KAFKA_SASL_TOKEN_PROVIDER: 'package.json' }
    expect(problemOf(provider)).toMatch(/^KAFKA_SASL_TOKEN_PROVIDER: "package.json" is not accepted/)
    expect(problemOf({ ...provider, KAFKA_SASL_TOKEN_PROVIDER: 'missing.mjs' })).toContain('missing.mjs')
    expect(problemOf({ KAFKA_SASL_MECHANISM: 'PLAIN', KAFKA_SASL_USERNAME: 'u' })).toContain('KAFKA_SASL_PASSWORD')
    expect(problemOf({ KAFKA_SASL_MECHANISM: 'PLAIN', KAFKA_SASL_USERNAME: 'u', KAFKA_SASL_PASSWORD: 'p' })).toBe(
      'accepted',
    )
  })

  it('refuses a processor without the processors it needs', () => {
    expect(problemOf({ PROCESSORS: 'driver-cells,hourly-revenue' })).toBe(
      'PROCESSORS: "hourly-revenue" needs "trip-state", which is not in the list',
    )
    expect(problemOf({ PROCESSORS: 'trip-offers,trip-state' })).toContain('needs "driver-cells"')
    expect(problemOf({ PROCESSORS: 'driver-cells' })).toBe('accepted')
  })

  it('says that KAFKA_BROKERS is not set', () => {
    expect(() => requireBrokers(loadRideConfig({}))).toThrow(/^KAFKA_BROKERS: is not set/)
  })
})

describe('configWarnings', () => {
  it('warns of an HTTP server that others can reach without a token, or with a token sent in clear', () => {
    expect(configWarnings(loadRideConfig({}))).toEqual([])
    expect(configWarnings(loadRideConfig({ HTTP_HOST: '::1' }))).toEqual([])
    expect(configWarnings(loadRideConfig({ HTTP_HOST: '0.0.0.0' }))).toHaveLength(1)
    expect(configWarnings(loadRideConfig({ HTTP_HOST: '0.0.0.0', HTTP_TOKEN: 'long-enough' }))).toEqual([
      'HTTP_HOST 0.0.0.0 is reachable from outside and HTTP_TLS_CERT is not set: clients send HTTP_TOKEN in clear',
    ])
  })
})

it('docs/configuration.md is current', async () => {
  await expect(configurationPage()).toMatchFileSnapshot(join(root, 'docs/configuration.md'))
})

it('a value that is not a string, and a misspelt variable, are refused in one clear line', () => {
  const numbers = { COMMIT_INTERVAL_MS: 100 } as never
  expect(() => loadRideConfig(numbers)).toThrow(
    'COMMIT_INTERVAL_MS: 100 is a number, expected a string, as in an environment',
  )
  const misspelt = 'COMIT_INTERVAL_MS: there is no such variable, did you mean COMMIT_INTERVAL_MS?'
  expect(() => loadRideConfig({ COMIT_INTERVAL_MS: '100' })).toThrow(misspelt)
  // Somebody else's, as ours is set.
  expect(loadRideConfig({ COMMIT_INTERVAL_MS: '7', COMIT_INTERVAL_MS: '100' }).commitIntervalMs).toBe(7)
})
