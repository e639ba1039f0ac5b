import { RIDE_PROCESSORS } from '../ride-processors.ts'

const HEAD = ['topic', 'partitions', 'key', 'cleanup', 'value']

/* The outputs, as docs/events.md describes them. */
export function outputsMarkdown(table: (cells: readonly (readonly string[])[]) => string[]): string[] {
  const rows = RIDE_PROCESSORS.flatMap(({ output }) => {
    if (output === null) return []
    const { topic, partitions, key, kept, meaning } = output
    const count = typeof partitions === 'number' ? String(partitions) : `as \`${partitions.sameAs}\``
    const cleanup = kept === 'last-rows' ? 'compact' : 'delete, OUTPUT_RETENTION_MS'
    return [[`\`${topic}\``, count, `\`${key.replace('|', '\\|')}\``, cleanup, meaning]]
  })
  return ['', '## Outputs', '', ...table([HEAD, ...rows]), '', INTRO, ...RIDE_PROCESSORS.flatMap(section)]
}

const INTRO = `A processor runs when PROCESSORS ([configuration](configuration.md)) contains its name. Headers, output
timestamps and exactly-once are the same for all outputs. Where more than one answer would be right, one line gives the
choice and its reason.`

function section({ output, docs }: (typeof RIDE_PROCESSORS)[number]): string[] {
  return ['', `### ${output?.topic ?? 'Trip history'}`, '', docs]
}
