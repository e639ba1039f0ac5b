import { InvalidRecordError, messageOf, SerdeError, UserCodeError } from '../../state/ports/errors.ts'
import { type Serde, serdeName } from '../../state/ports/serde.ts'
import { isThenable, refusedPromise } from '../../state/ports/thenable.ts'
import { timestampProblem } from '../../state/ports/timestamp.ts'
import type { SourceNode } from '../../topology/plan.ts'

/** A step of the user's code for an incoming record. */
export type InputStep = 'key' | 'value' | 'check' | 'timestamp'

/** Names the step of the source at which a record failed. An error that the user's code declared invalid stays as it is. */
export function inputError(source: SourceNode, topic: string, step: InputStep, thrown: unknown): unknown {
  if (thrown instanceof InvalidRecordError) return thrown
  const why = messageOf(thrown)
  switch (step) {
    case 'key':
    case 'value': {
      const serde: Serde<unknown> = step === 'key' ? source.keySerde : source.valueSerde
      const what = `source ${source.name}: ${serdeName(serde)} cannot read the ${step} of a record of ${topic}`
      return new SerdeError(`${what}: ${why}`, { cause: thrown })
    }
    case 'check':
      return new UserCodeError(`the check of source ${source.name} failed: ${why}`, { cause: thrown })
    case 'timestamp':
      return new UserCodeError(`the timestamp extractor of source ${source.name} failed: ${why}`, { cause: thrown })
  }
}

/** The record is invalid: dead_letters_total calls it `timestamp`. */
export function badTimestamp({ name, timestampExtractor }: SourceNode, timestamp: unknown): Error {
  if (isThenable(timestamp)) return refusedPromise('it', timestamp)
  const whose = timestampExtractor === undefined ? 'the record' : `the timestamp extractor of source ${name}`
  return new InvalidRecordError('timestamp', `${whose} has a wrong timestamp: ${timestampProblem(timestamp)}`)
}
