import { readdirSync, readFileSync } from 'node:fs'
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

it('README.md shows 01-word-count as the tests run it', () => {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
  const example = readFileSync(new URL('../../examples/01-word-count.ts', import.meta.url), 'utf8')
  expect(readme).toContain(`\`\`\`ts\n${example.slice(example.indexOf('import ')).trim()}\n\`\`\``)
})

it('docs/serving.md shows 06-service as the tests run it', () => {
  const page = readFileSync(new URL('../../docs/serving.md', import.meta.url), 'utf8')
  const example = readFileSync(new URL('../../examples/06-service.ts', import.meta.url), 'utf8')
  const [, shown] = /^```ts\n([\s\S]*?)^```$/m.exec(page) ?? []
  expect(example).toContain(shown)
})

it('docs/simulation.md shows 09-simulation as the tests run it', () => {
  const page = readFileSync(new URL('../../docs/simulation.md', import.meta.url), 'utf8')
  const example = readFileSync(new URL('../../examples/09-simulation.test.ts', import.meta.url), 'utf8')
  expect(page).toContain(`\`\`\`ts\n${example.slice(example.indexOf('import ')).trim()}\n\`\`\``)
})

it('examples/README.md lists every example', () => {
  const folder = new URL('../../examples/', import.meta.url)
  const files = readdirSync(folder).filter((file) => file.endsWith('.ts'))
  const listed = [...readFileSync(new URL('README.md', folder), 'utf8').matchAll(/\]\(([^)]+\.ts)\)/g)].map(
    ([, to]) => to,
  )
  expect(listed).toEqual(files.sort())
})
