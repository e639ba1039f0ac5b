import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { eventsMarkdown } from '../../processors/events/docs.ts'

it('docs/events.md equals what the schemas generate', () => {
  expect(readFileSync('docs/events.md', 'utf8')).toBe(eventsMarkdown())
})
