import { readdirSync, readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { generatedFiles } from '../../processors/events/generated-files.ts'

it.each([...generatedFiles()])('docs/%s equals what the schemas generate', (file, text) => {
  expect(readFileSync(`docs/${file}`, 'utf8')).toBe(text)
})

it('docs/schemas has no file of a topic that is gone', () => {
  const files = readdirSync('docs/schemas').map((file) => `schemas/${file}`)
  expect(files.filter((file) => !generatedFiles().has(file))).toEqual([])
})
