import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, vi } from 'vitest'
import { printCause } from '../../cli/cause-view.ts'
import * as why from '../../examples/11-why.ts'
import * as fixed from '../../examples/11-why-fixed.ts'
import { findCause } from '../../infra/streams/causes/index.ts'
import { realClock } from '../../infra/streams/real-clock.ts'
import { DEFAULT_STREAMS_CONFIG } from '../../runtime/instance/streams-config.ts'
import { MemoryReader } from '../../runtime/memory/memory-reader.ts'
import { IDEAL_NETWORK } from '../../runtime/memory/network.ts'
import type { Topology } from '../../topology/index.ts'
import { MemoryApp } from '../support/memory-app.ts'

/* The story of docs/why.md: its payments, and all that the page says the command prints. */

const page = readFileSync(new URL('../../docs/why.md', import.meta.url), 'utf8')
const AT = Date.UTC(2026, 0, 1, 12)
const applicationId = 'balances'
const config = { processingExceptionHandler: 'dead-letter' } as const

it('docs/why.md shows what the command prints', async () => {
  const stateDir = await mkdtemp(join(tmpdir(), 'why-'))
  const plan = why.topology.build({ applicationId })
  const topics = { payments: 1, 'account-balances': 1 }
  const app = new MemoryApp({ plan, topics, config: { ...config, commitFloorMs: 0 } })
  await app.start()
  const payments = [...page.matchAll(/^(p-\d):(\{.*\})$/gm)]
  for (const [index, [, id = '', payment = '']] of payments.entries()) {
    app.produce('payments', id, payment, { timestamp: AT + index * 1000 })
    await app.drained('payments')
    await app.drained('balances-by-account-repartition')
  }
  await app.instance.close()
  const printed = async (topology: Topology, topic: string, offset: number): Promise<string> => {
    const cause = await findCause(
      { topic, partition: 0, offset },
      {
        plan: topology.build({ applicationId }),
        config: { ...DEFAULT_STREAMS_CONFIG, ...config, applicationId, deadLetterTopic: 'balances.dlq' },
        deadLetterTopic: 'balances.dlq',
        admin: app.admin,
        reader: () => {
          const at = { cluster: app.cluster, network: IDEAL_NETWORK, clock: realClock, client: 'why' }
          return new MemoryReader({ ...at, isolation: 'read_committed', maxBatches: () => 100 })
        },
        stateDir,
        stateBackend: 'memory',
        signal: new AbortController().signal,
        onProgress: () => undefined,
      },
    )
    const lines: string[] = []
    const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => lines.push(String(text)) > 0)
    printCause(cause, {})
    write.mockRestore()
    return lines.join('')
  }
  const asked = [...page.matchAll(/^bin\/ride-streams why (\S+):0:(\d+) --module examples\/11-(why\S*)\.ts$/gm)]
  const shown = [...page.matchAll(/^```text\n([\s\S]*?)^```$/gm)].map(([, text]) => text)
  const found: string[] = []
  for (const [, topic = '', offset, file] of asked)
    found.push(await printed(file === 'why' ? why.topology : fixed.topology, topic, Number(offset)))
  await rm(stateDir, { recursive: true })
  expect(found).toEqual(shown)
})
