/** `ride-streams/serdes`: serdes of schema registries (Avro, Protobuf, JSON Schema), and of schemas of typebox, zod and others. */
export * from '../infra/serdes/index.ts'
