import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const page = readFileSync(new URL('../../docs/testing-your-topology.md', import.meta.url), 'utf8')

it.each(['count-by-city', 'window-final', 'processor-api'])(
  'docs/testing-your-topology.md shows %s as the tests run it',
  (name) => {
    const example = readFileSync(new URL(`./${name}.test.ts`, import.meta.url), 'utf8')
    expect(page).toContain(`\`\`\`ts\n${example.trim()}\n\`\`\``)
  },
)

it('docs/idle-windows.md shows idle-window as the tests run it', () => {
  const page = readFileSync(new URL('../../docs/idle-windows.md', import.meta.url), 'utf8')
  const example = readFileSync(new URL('./idle-window.test.ts', import.meta.url), 'utf8')
  expect(page).toContain(`\`\`\`ts\n${example.trim()}\n\`\`\``)
})
