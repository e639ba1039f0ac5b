import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const page = readFileSync(new URL('../../docs/testing-your-topology.md', import.meta.url), 'utf8')

it.each(['count-by-city', 'window-final', 'processor-api'])(
  'docs/testing-your-topology.md shows %s as it is tested',
  (name) => {
    const example = readFileSync(new URL(`./${name}.test.ts`, import.meta.url), 'utf8')
    expect(page).toContain(`\`\`\`ts\n${example.trim()}\n\`\`\``)
  },
)
