import { RetriableError, StreamsError } from '../../state/ports/errors.ts'

/** Wait, and look at the registry: it did not answer, or answered that it cannot now. Tried again for taskTimeoutMs. */
export class SchemaRegistryUnavailableError extends RetriableError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('SCHEMA_REGISTRY_UNAVAILABLE', message, options)
  }
}

/** Change the request, the schema or the permissions: the registry will not do this, however often it is asked. */
export class SchemaRegistryRefusedError extends StreamsError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('SCHEMA_REGISTRY_REFUSED', message, options)
  }
}

/** Register the schema, or turn on `autoRegister`: the registry does not know this id, subject or schema. */
export class UnknownSchemaError extends StreamsError {
  constructor(message: string) {
    super('UNKNOWN_SCHEMA', message)
  }
}

/** Change the schema, or the subject's compatibility level: readers and writers of the subject would not understand each other. */
export class IncompatibleSchemaError extends StreamsError {
  readonly subject: string
  /** The subject's latest version, with which the schema was compared; null when nobody knows. */
  readonly version: number | null
  constructor(subject: string, version: number | null, why: string) {
    const than = version === null ? 'its versions' : `version ${version}`
    super('INCOMPATIBLE_SCHEMA', `the schema is not compatible with ${than} of subject ${subject}: ${why}`)
    this.subject = subject
    this.version = version
  }
}

/** Await `prepare(topic, 'write')` first. The runtime does that for the topics that a plan names. */
export class SerdeNotPreparedError extends StreamsError {
  constructor(topic: string) {
    super(
      'SERDE_NOT_PREPARED',
      `the serde is not prepared for writing to ${topic}: await prepare('${topic}', 'write') first`,
    )
  }
}
