import { asyncApiDocument, schemaFile, VALUE_SCHEMAS } from './async-api.ts'
import { eventsMarkdown } from './docs.ts'

/** The files that docs/ has from the schemas: the text of each file, by its path there. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const document = asyncApiDocument({ applicationId: 'ride-streams', outputRetentionMs: 604_800_000 })
  return new Map([
    ['events.md', eventsMarkdown()],
    ['asyncapi.json', jsonFile(document)],
    ...[...VALUE_SCHEMAS.keys()].map((topic) => [`schemas/${topic}.json`, jsonFile(schemaFile(topic))] as const),
  ])
}

function jsonFile(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`
}
