import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { rideVariables } from '../../app/config/ride-variables.ts'
import { rideTopics, type TopicSpec } from '../../processors/ride-topics.ts'

const outputRetentionMs = rideVariables.outputRetentionMs.fallback
const topics = rideTopics({ applicationId: '<application.id>', outputRetentionMs })

function period(ms: number): string {
  const hours = ms / 3_600_000
  return hours < 48 ? `${hours} h` : `${hours / 24} days`
}

function row({ name, role, key, partitions, config }: TopicSpec): string {
  const retention = config['retention.ms']
  const setting = role === 'output' && retention === String(outputRetentionMs) ? ' (`OUTPUT_RETENTION_MS`)' : ''
  const kept =
    config['cleanup.policy'] === 'compact' ? 'the last row of each key, for ever' : period(Number(retention)) + setting
  return `| \`${name}\` | ${role} | ${typeof partitions === 'number' ? partitions : `as \`${partitions.sameAs}\``} | ${key.replace('|', '\\|')} | ${kept} |`
}

it('docs/topics.md equals the settings with which topics are created', () => {
  const page = readFileSync('docs/topics.md', 'utf8')
  const table = ['| topic | | partitions | key | kept |', '|---|---|---|---|---|', ...topics.map(row)].join('\n')
  expect(/<!-- topics[^>]*-->\n([\s\S]*?)\n<!-- \/topics -->/.exec(page)?.[1]).toBe(table)
})
