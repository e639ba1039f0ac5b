import { ALL_PROCESSORS } from '../../processors/processor-names.ts'
import {
  boolean,
  decimal,
  hostNames,
  hostPort,
  hostPorts,
  httpUrl,
  integer,
  type Kind,
  listOf,
  moduleFile,
  oneOf,
  pemFile,
  pemKeyFile,
  text,
} from './types.ts'

/** One environment variable. A default of null = unset has a meaning of its own, told in `about`. */
export interface Variable<T, D> {
  readonly env: string
  readonly kind: Kind<T>
  readonly fallback: D
  /** One sentence for docs/configuration.md. */
  readonly about: string
  /** Never shown in errors or logs. */
  readonly secret?: boolean
}

const variable = <T, const D extends T | null>(
  env: string,
  kind: Kind<T>,
  fallback: D,
  about: string,
  secret = false,
): Variable<T, D> => ({ env, kind, fallback, about, secret })

const anyText = text('any non-empty text', /^.+$/s)

/** Every variable the program reads: the one source of validation, types and docs/configuration.md. */
export const variables = {
  kafkaBrokers: variable(
    'KAFKA_BROKERS',
    hostPorts,
    null,
    'Bootstrap addresses. Unset: `start` and the tools stop with an error, `dev` provisions a local broker.',
  ),
  kafkaTls: variable('KAFKA_TLS', boolean, false, 'Connect to the brokers by TLS.'),
  kafkaTlsCa: variable(
    'KAFKA_TLS_CA',
    pemFile,
    null,
    "Certificate authorities that sign the brokers' certificates. Unset: the system's. Needs KAFKA_TLS=true.",
  ),
  kafkaSaslMechanism: variable(
    'KAFKA_SASL_MECHANISM',
    oneOf('PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'),
    null,
    'SASL mechanism. Unset: no authentication. Needs KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD; OAUTHBEARER needs KAFKA_SASL_TOKEN_PROVIDER instead.',
  ),
  kafkaSaslUsername: variable('KAFKA_SASL_USERNAME', anyText, null, 'User for SASL.'),
  kafkaSaslPassword: variable('KAFKA_SASL_PASSWORD', anyText, null, 'Password for SASL.', true),
  kafkaSaslTokenProvider: variable(
    'KAFKA_SASL_TOKEN_PROVIDER',
    moduleFile,
    null,
    'Module that exports a function `token`, which gives (a promise of) a bearer token; asked for each connection (docs/security.md).',
  ),
  applicationId: variable(
    'APPLICATION_ID',
    text('1 to 150 letters, digits, dots, underscores or dashes', /^[A-Za-z0-9._-]{1,150}$/),
    'ride-streams',
    'Consumer group id, and prefix of internal topics, dead letter topic and transactional ids.',
  ),
  applicationServer: variable(
    'APPLICATION_SERVER',
    hostPort,
    null,
    'Where other instances reach the HTTP server of this one. Unset: no other instance asks this one.',
  ),
  stateDir: variable('STATE_DIR', anyText, './.state', 'Directory of the stores; one process owns it at a time.'),
  stateBackend: variable(
    'STATE_BACKEND',
    oneOf('level', 'memory'),
    'level',
    'Where committed rows live: on disk, or in memory (restored from the changelog at every start).',
  ),
  stateCleanupDelayMs: variable(
    'STATE_CLEANUP_DELAY_MS',
    integer(1000, Number.MAX_SAFE_INTEGER),
    600_000,
    'State on disk of a task that nobody in this process has had for so long is removed, in ms.',
  ),
  processingGuarantee: variable(
    'PROCESSING_GUARANTEE',
    oneOf('exactly_once_v2', 'at_least_once'),
    'exactly_once_v2',
    'Under at_least_once a crash may count events twice, revenue included.',
  ),
  commitIntervalMs: variable(
    'COMMIT_INTERVAL_MS',
    integer(1, 3_600_000),
    100,
    'Longest time between two commits while there is work, in ms.',
  ),
  numStreamThreads: variable('NUM_STREAM_THREADS', integer(1, 128), 1, 'Worker threads that run tasks.'),
  numStandbyReplicas: variable(
    'NUM_STANDBY_REPLICAS',
    integer(0, 16),
    0,
    'Copies of each store kept warm on other instances.',
  ),
  acceptableRecoveryLag: variable(
    'ACCEPTABLE_RECOVERY_LAG',
    integer(0, Number.MAX_SAFE_INTEGER),
    10_000,
    'A copy of a store that is behind by at most so many changelog records may take its task over.',
  ),
  maxWarmupReplicas: variable(
    'MAX_WARMUP_REPLICAS',
    integer(1, 1000),
    2,
    'Extra copies at a time, over the whole group, that prepare the move of a task.',
  ),
  probingRebalanceIntervalMs: variable(
    'PROBING_REBALANCE_INTERVAL_MS',
    integer(60_000, Number.MAX_SAFE_INTEGER),
    600_000,
    'How often the group looks again while a move waits for a copy to catch up, in ms.',
  ),
  statestoreCacheMaxBytes: variable(
    'STATESTORE_CACHE_MAX_BYTES',
    integer(0, Number.MAX_SAFE_INTEGER),
    67_108_864,
    'Memory for cached rows, in bytes, over all threads.',
  ),
  statestoreBuffersMaxBytes: variable(
    'STATESTORE_BUFFERS_MAX_BYTES',
    integer(1_048_576, Number.MAX_SAFE_INTEGER),
    134_217_728,
    'Memory for write buffers and read blocks of all stores on disk, in bytes, over all threads (see Memory).',
  ),
  sessionTimeoutMs: variable(
    'SESSION_TIMEOUT_MS',
    integer(1000, 1_800_000),
    10_000,
    'A silent instance loses its tasks after this, in ms. Brokers refuse less than group.min.session.timeout.ms (6000).',
  ),
  replicationFactor: variable(
    'REPLICATION_FACTOR',
    integer(1, 32_767, [-1]),
    -1,
    "Of the topics this program creates; -1 = the broker's default.",
  ),
  outputRetentionMs: variable(
    'OUTPUT_RETENTION_MS',
    integer(0, Number.MAX_SAFE_INTEGER, [-1]),
    604_800_000,
    'Retention of the output topics that are not compacted, in ms; -1 = keep forever.',
  ),
  processors: variable(
    'PROCESSORS',
    listOf(ALL_PROCESSORS),
    ALL_PROCESSORS,
    'What the application computes (docs/events.md, README). The same for all instances of an application.',
  ),
  deserializationExceptionHandler: variable(
    'DESERIALIZATION_EXCEPTION_HANDLER',
    oneOf('fail', 'continue', 'dead-letter'),
    'dead-letter',
    'Input that is no valid event: stop, drop and count it, or write it to the dead letter topic.',
  ),
  processingExceptionHandler: variable(
    'PROCESSING_EXCEPTION_HANDLER',
    oneOf('fail', 'continue', 'dead-letter'),
    'fail',
    'A record that makes a processor throw: the same choice. None of its effects is kept.',
  ),
  productionExceptionHandler: variable(
    'PRODUCTION_EXCEPTION_HANDLER',
    oneOf('fail', 'continue', 'dead-letter'),
    'fail',
    'A record whose output cannot be written (larger than its topic takes, no such topic): the same choice. None of its effects is kept.',
  ),
  staleStore: variable(
    'STALE_STORE',
    oneOf('restore', 'fail'),
    'restore',
    'A store on disk that was away for longer than its changelog keeps deletes (delete.retention.ms): restore it from the beginning, or stop.',
  ),
  taskTimeoutMs: variable(
    'TASK_TIMEOUT_MS',
    integer(0, Number.MAX_SAFE_INTEGER),
    300_000,
    'How long tasks retry what brokers do not answer or cannot do, without getting further, before their thread dies of it, in ms.',
  ),
  closeTimeoutMs: variable(
    'CLOSE_TIMEOUT_MS',
    integer(0, 2_147_483_647),
    20_000,
    'How long a stop (SIGTERM) waits for brokers that do not answer before it gives up the last commit, in ms. The next start does that work again.',
  ),
  uncaughtExceptionHandler: variable(
    'UNCAUGHT_EXCEPTION_HANDLER',
    oneOf('replace-thread', 'shutdown-client', 'shutdown-application'),
    'shutdown-client',
    'When a stream thread dies of an error: start a new one (after 0.1 s, later up to 30 s), stop this instance, or stop all instances.',
  ),
  h3Resolution: variable(
    'H3_RESOLUTION',
    integer(0, 15),
    9,
    "Resolution of the drivers' H3 cells (9 = about 0.1 km²).",
  ),
  driverTtlMs: variable(
    'DRIVER_TTL_MS',
    integer(0, Number.MAX_SAFE_INTEGER),
    300_000,
    'Drivers silent for longer, in ms of stream time, are neither offered nor nearby; 0 = no limit.',
  ),
  tripHistoryRetentionMs: variable(
    'TRIP_HISTORY_RETENTION_MS',
    integer(0, Number.MAX_SAFE_INTEGER, [-1]),
    604_800_000,
    "How long a trip's events are kept after its last one, in ms of stream time; -1 = for ever.",
  ),
  httpHost: variable(
    'HTTP_HOST',
    text('a host name or address', /^[A-Za-z0-9._:-]+$/),
    '127.0.0.1',
    'Address the HTTP server listens on. Other than loopback: set HTTP_TOKEN too.',
  ),
  httpPort: variable('HTTP_PORT', integer(0, 65_535), 8080, 'Port of the HTTP server; 0 = any free one.'),
  httpToken: variable(
    'HTTP_TOKEN',
    text('at least 8 printable characters without spaces', /^[\x21-\x7e]{8,}$/),
    null,
    'When set, every route but /health and the files of the dashboard (they hold no data) needs `authorization: Bearer <token>`.',
    true,
  ),
  httpAllowedHosts: variable(
    'HTTP_ALLOWED_HOSTS',
    hostNames,
    null,
    'Further names of this server in the Host header of requests (docs/security.md); `*` = any. Unset: those of `HTTP_HOST` and `APPLICATION_SERVER`.',
  ),
  httpTlsCert: variable(
    'HTTP_TLS_CERT',
    pemFile,
    null,
    'Certificate (chain) of the HTTP server: it speaks TLS then, and asks the other instances over TLS too.',
  ),
  httpTlsKey: variable('HTTP_TLS_KEY', pemKeyFile, null, 'Private key to `HTTP_TLS_CERT`.', true),
  httpTlsCa: variable(
    'HTTP_TLS_CA',
    pemFile,
    null,
    "Who signs the certificates of the other instances. Unset: the system's authorities.",
  ),
  httpMinOffsetWaitMs: variable(
    'HTTP_MIN_OFFSET_WAIT_MS',
    integer(0, 60_000),
    5000,
    'How long a query with `x-min-offset` waits for the store to pass that input, in ms, before it is answered with 503.',
  ),
  httpMaxSubscribers: variable(
    'HTTP_MAX_SUBSCRIBERS',
    integer(0, 100_000),
    1000,
    'Streams of server-sent events that are open at the same time at most; more are answered with 503.',
  ),
  logLevel: variable(
    'LOG_LEVEL',
    oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'),
    'info',
    'Least severe log lines that are written.',
  ),
  otelEndpoint: variable(
    'OTEL_EXPORTER_OTLP_ENDPOINT',
    httpUrl,
    null,
    'Where OpenTelemetry traces go (OTLP over HTTP, `/v1/traces` is added). Unset: nothing is traced (docs/monitoring.md).',
  ),
  otelSamplerArg: variable(
    'OTEL_TRACES_SAMPLER_ARG',
    decimal(0, 1),
    0.01,
    'Share of the records without trace context that begin a trace. Those with it are traced when it says so.',
  ),
  autoOffsetReset: variable(
    'AUTO_OFFSET_RESET',
    oneOf('earliest', 'latest', 'none'),
    'earliest',
    'Where to begin in an input partition without a committed offset. When the log has lost the committed offset, reading goes on at the first record that is there, with an error in the log and input_lost_records_total. none = stop in both cases.',
  ),
}
