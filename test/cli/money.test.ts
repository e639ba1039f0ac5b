import { expect, it } from 'vitest'
import { moneyText } from '../../cli/money.ts'
import { parseExactJson } from '../../infra/json/index.ts'
import { counted } from '../../state/index.ts'

it.each([
  ['5', '5.00'],
  ['12.5', '12.50'],
  ['-0.25', '-0.25'],
  ['90071992547409.93', '90071992547409.93'],
  ['12.345', '12.345'],
])('the amount %s is shown as %s', (json, shown) => {
  expect(moneyText(parseExactJson(json))).toBe(shown)
})

it('one of something has no plural', () => {
  expect([0, 1, 2].map((count) => counted(count, 'trip'))).toEqual(['0 trips', '1 trip', '2 trips'])
})
