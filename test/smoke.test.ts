import { expect, it } from 'vitest'
import { lastHeader, NO_HEADERS } from '../state/ports/headers.ts'

it('finds no header in an empty list', () => {
  expect(lastHeader(NO_HEADERS, 'x')).toBeUndefined()
})
