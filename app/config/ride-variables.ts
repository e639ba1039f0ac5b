import { boolean, integer, listOf, origins, text, variable } from '../../infra/config/index.ts'
import { ALL_PROCESSORS } from '../../processors/processor-names.ts'

/** The variables of the ride application, beside those of the engine (infra/config/variables.ts). */
export const rideVariables = {
  processors: variable(
    'PROCESSORS',
    listOf(ALL_PROCESSORS),
    ALL_PROCESSORS,
    'What the application computes (docs/events.md, README). The same for all instances of an application.',
  ),
  outputRetentionMs: variable(
    'OUTPUT_RETENTION_MS',
    integer(0, Number.MAX_SAFE_INTEGER, [-1]),
    604_800_000,
    'Retention of the output topics that are not compacted, in ms; -1 = keep forever.',
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
    'Drivers that are silent for longer, in ms of stream time, are neither offered nor nearby; 0 = no limit.',
  ),
  tripHistoryRetentionMs: variable(
    'TRIP_HISTORY_RETENTION_MS',
    integer(0, Number.MAX_SAFE_INTEGER, [-1]),
    604_800_000,
    "How long a trip's events are kept after its last one, in ms of stream time; -1 = for ever.",
  ),
  auditPostgresUrl: variable(
    'AUDIT_POSTGRES_URL',
    text('a URL that begins with postgres://', /^postgres(ql)?:\/\/\S+$/),
    null,
    'Database of the audit trail that `export postgres` keeps; `GET /audit` reads it. Unset: that route answers 404.',
    { secret: true },
  ),
  auditPostgresSchema: variable(
    'AUDIT_POSTGRES_SCHEMA',
    text('the name of a schema', /^[^\0"]{1,63}$/),
    'rides',
    'Schema of the audit trail in that database: `--schema` of `export postgres`.',
  ),
  httpCorsOrigins: variable(
    'HTTP_CORS_ORIGINS',
    origins,
    null,
    'Origins of web pages that may read answers and open WebSockets (CORS), besides the own one; `*` = any. Unset: none.',
  ),
  httpGzipMinBytes: variable(
    'HTTP_GZIP_MIN_BYTES',
    integer(0, 1_073_741_824),
    0,
    'Answers of at least so many bytes go out as gzip to clients that accept it; 0 = none do. Single trips never do.',
  ),
  httpEtag: variable(
    'HTTP_ETAG',
    boolean,
    false,
    'Answers carry a weak ETag of their content, and a client that has it already (`if-none-match`) gets 304 without a body.',
  ),
}
