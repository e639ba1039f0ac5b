import { describe } from 'vitest'
import { registryConformance } from '../infra/serdes/registry.conformance.ts'
import { Apicurio } from './apicurio.ts'

const url = process.env.SCHEMA_REGISTRY_URL

/** SCHEMA_REGISTRY_URL names another registry: Confluent's, Karapace, Redpanda's. The test adds subjects to it. */
describe(`serdes and ${url ?? 'Apicurio'}`, () => {
  registryConformance(async () => (url === undefined ? await Apicurio.start() : { url, close: async () => undefined }))
})
