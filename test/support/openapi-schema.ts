import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'

/*
 * The JSON Schema of OpenAPI 3.1 (openapi-3.1.schema.json) is the OpenAPI Initiative's, from spec.openapis.org, under the Apache License
 * 2.0. It leaves out what is inside of Schema Objects: those are JSON Schema 2020-12.
 */
const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false })
const isDocument = ajv.compile(JSON.parse(readFileSync(new URL('./openapi-3.1.schema.json', import.meta.url), 'utf8')))

/** Faults of a document by the JSON Schema of OpenAPI 3.1, and of its Schema Objects by that of JSON Schema. */
export function openApiFaults(document: unknown): readonly string[] {
  isDocument(document)
  const faults = (isDocument.errors ?? []).map(({ instancePath, message }) => `${instancePath}: ${message}`)
  for (const [where, schema] of schemasIn(document)) {
    if (!ajv.validateSchema(schema as object)) faults.push(`${where}: ${ajv.errorsText(ajv.errors)}`)
  }
  return faults
}

/** Schema Objects, with where they are. */
function* schemasIn(node: unknown, where = ''): Generator<readonly [where: string, schema: unknown]> {
  if (typeof node !== 'object' || node === null) return
  for (const [name, value] of Object.entries(node)) {
    const at = `${where}/${name}`
    if (name === 'schema') yield [at, value]
    else if (at === '/components/schemas')
      for (const [key, schema] of Object.entries(value)) yield [`${at}/${key}`, schema]
    else yield* schemasIn(value, at)
  }
}
