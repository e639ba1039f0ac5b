import { expect, it } from 'vitest'
import { leftOutHeaders, readEnd } from '../../../runtime/task/recorded-answers.ts'

it('the record of a call that failed for good has room for any message of its error', () => {
  const headers = leftOutHeaders('in:0:7#0', 'é'.repeat(100_000), true)
  const bytes = [...headers].reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0)
  expect(bytes).toBeLessThan(1000)
  expect(readEnd(null, headers)).toEqual(['in:0:7#0', { leftOut: 'é'.repeat(250), isDeadLetter: true }])
})
