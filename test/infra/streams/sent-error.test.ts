import { expect, it } from 'vitest'
import { errorFields } from '../../../infra/logging/error-fields.ts'
import { packError, unpackError } from '../../../infra/streams/sent-error.ts'
import { RecordFailedError } from '../../../state/ports/errors.ts'

it("an error from a worker arrives with its causes and the stack of the user's code", () => {
  const cause = new RangeError('of my own')
  const error = new RecordFailedError('0_0', { topic: 'in', partition: 0, offset: 7, node: 'map' }, cause)
  const arrived = unpackError(structuredClone(packError(error)), { thread: 1 })
  expect(arrived).toMatchObject({ name: 'RecordFailedError', code: 'RECORD_FAILED', offset: 7, thread: 1 })
  expect(arrived.message).toBe('task 0_0 failed in map at offset 7 of in-0: of my own')
  expect(arrived.cause).toMatchObject({ name: 'RangeError', message: 'of my own', stack: cause.stack })
})

it('an error of a worker carries the description of its record, as the `err` of a log line shows it', () => {
  const place = { topic: 'in', partition: 0, offset: 7 }
  const error = new RecordFailedError('0_0', { ...place, description: { order: 'o-1' } }, new Error('no'))
  const arrived = unpackError(structuredClone(packError(error)), { thread: 1 })
  const { code: _code, name: _name, stack: _stack, ...shown } = { ...arrived }
  expect(shown).toEqual({ taskId: '0_0', ...place, order: 'o-1', thread: 1 })
  expect(errorFields(new Error('stopped', { cause: arrived }))).toEqual(shown)
})

it('a loop in the chain of causes ends', () => {
  const error = new Error('again')
  error.cause = error
  let causes = 0
  for (let one: unknown = unpackError(packError(error)); one instanceof Error; one = one.cause) causes++
  expect(causes).toBe(11)
})
