import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createLogger } from '../../../infra/logging/logger.ts'
import { visibleJson, visibleText } from '../../../infra/terminal/index.ts'

it.each([
  ['plain ü 漢 🚕', 'plain ü 漢 🚕'],
  ['family 👩\u200d👧', 'family 👩\u200d👧'],
  ['\u001b[2J\u001b]0;owned\u0007', '\\u001b[2J\\u001b]0;owned\\u0007'],
  ['two\nlines\r\tend', 'two\\nlines\\r\\tend'],
  ['\u009b31m', '\\u009b31m'],
  ['abc\u202efdp.exe', 'abc\\u202efdp.exe'],
  ['\u2066iso\u2069 \u200f \ufeff', '\\u2066iso\\u2069 \\u200f \\ufeff'],
  ['line\u2028sep\u2029', 'line\\u2028sep\\u2029'],
  ['\u{e0041}tag', '\\udb40\\udc41tag'],
  ['half \ud800', 'half \\ud800'],
])('%j is printed with all its characters visible', (text, printed) => {
  expect(visibleText(text)).toBe(printed)
})

it('JSON keeps its value, with or without indentation', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.string({ unit: 'binary' }), fc.constantFrom(0, 2), (value, text, indent) => {
      const json = JSON.stringify([value, text, '\u202e\u009b'], null, indent)
      const printed = visibleJson(json)
      expect(JSON.parse(printed)).toEqual(JSON.parse(json))
      expect(/\p{Bidi_Control}/u.test(printed)).toBe(false)
      expect(printed.replaceAll('\n', '')).not.toMatch(/\p{Cc}/u)
    }),
    { seed: 32, numRuns: 500 },
  )
})

it('log lines remain one-line JSON without control characters that act on a terminal', () => {
  const lines: string[] = []
  const logger = createLogger({ level: 'info' }, { write: (line) => void lines.push(line) })
  logger.warn({ eventId: 'a\u009b2J\u202e\n\u007f' }, 'bad record \u001b[0m\u2028')
  expect(lines).toHaveLength(1)
  expect(lines[0]).toMatch(/^[ -~]+\n$/)
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    eventId: 'a\u009b2J\u202e\n\u007f',
    msg: 'bad record \u001b[0m\u2028',
  })
})
