import * as library from '@platformatic/kafka'
import { expect, it } from 'vitest'
import * as protocol from '../../../infra/kafka/protocol.ts'

it('is what the entry of @platformatic/kafka exports by the same names', async () => {
  const { loadScram, ...parts } = protocol
  const exported: Readonly<Record<string, unknown>> = { ...library }
  for (const [name, part] of Object.entries(parts)) expect(part, name).toBe(exported[name])
  expect(await loadScram()).toBe(library.saslScramSha)
})
