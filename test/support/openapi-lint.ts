import { createConfig, lintFromString } from '@redocly/openapi-core'

/** Problems that `redocly lint` finds in a document: errors and warnings, also examples that are not valid. Loads nothing from elsewhere. */
export async function openApiProblems(document: string, off: readonly string[] = []): Promise<readonly string[]> {
  const config = await createConfig({
    extends: ['recommended'],
    rules: {
      'no-invalid-schema-examples': 'error',
      'no-invalid-parameter-examples': 'error',
      'no-invalid-media-type-examples': 'error',
      'operation-operationId': 'error',
      ...Object.fromEntries(off.map((rule) => [rule, 'off'])),
    },
  })
  const problems = await lintFromString({ source: document, config, absoluteRef: 'openapi.json' })
  return problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} (${location[0]?.pointer ?? ''})`)
}
