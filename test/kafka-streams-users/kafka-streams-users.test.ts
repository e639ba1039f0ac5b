import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import members from './members.json' with { type: 'json' }

const page = readFileSync(join(import.meta.dirname, '../../docs/kafka-streams-users.md'), 'utf8')

/** The names in the first column of a section's table, in order. */
function listed(section: string): string[] {
  const [, body = ''] = page.split(`\n## ${section}\n`)
  const rows = (body.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('| `'))
  return rows.flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)].map(([, name]) => name as string))
}

it.each(Object.entries(members.classes))(
  'every public method of %s stands on the page for users of Kafka Streams',
  (name, methods) => {
    expect(listed(name).sort()).toEqual(methods)
  },
)

it('every setting of StreamsConfig stands there', () => {
  expect(listed('StreamsConfig').sort()).toEqual(members.settings)
})

it('the page names the version whose classes were read', () => {
  expect(page).toContain(`Kafka Streams ${members.version.replace(/\.0$/, '')}`)
})
