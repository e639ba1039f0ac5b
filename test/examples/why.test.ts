import { readFileSync } from 'node:fs'
import { expect, it, vi } from 'vitest'
import { printCause } from '../../cli/cause-view.ts'
import * as enrichment from '../../examples/05-async-enrichment.ts'
import * as why from '../../examples/11-why.ts'
import * as fixed from '../../examples/11-why-fixed.ts'
import type { Topology } from '../../topology/index.ts'
import { causeOf, LETTING_GO } from '../support/asked-causes.ts'
import { MemoryApp } from '../support/memory-app.ts'

/* Runs the stories of docs/why.md and docs/asynchronous-calls.md: their input gives what they say that the command prints. */

const page = readFileSync(new URL('../../docs/why.md', import.meta.url), 'utf8')
const AT = Date.UTC(2026, 0, 1, 12)
const applicationId = 'balances'

async function printed(app: MemoryApp, topology: Topology, applicationId: string, place: string): Promise<string> {
  const cause = await causeOf(app, topology.build({ applicationId }), place)
  const lines: string[] = []
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => lines.push(String(text)) > 0)
  printCause(cause, {})
  write.mockRestore()
  return lines.join('')
}

it('docs/why.md shows what the command prints', async () => {
  const plan = why.topology.build({ applicationId })
  const topics = { payments: 1, 'account-balances': 1 }
  const app = new MemoryApp({ plan, topics, config: LETTING_GO })
  await app.start()
  const payments = [...page.matchAll(/^(p-\d):(\{.*\})$/gm)]
  for (const [index, [, id = '', payment = '']] of payments.entries()) {
    app.produce('payments', id, payment, { timestamp: AT + index * 1000 })
    await app.drained('payments')
    await app.drained('balances-by-account-repartition')
  }
  await app.instance.close()
  const asked = [...page.matchAll(/^bin\/ride-streams why (\S+):0:(\d+) --module examples\/11-(why\S*)\.ts$/gm)]
  const shown = [...page.matchAll(/^```text\n([\s\S]*?)^```$/gm)].map(([, text]) => text)
  const found: string[] = []
  for (const [, topic = '', offset, file] of asked)
    found.push(
      await printed(app, file === 'why' ? why.topology : fixed.topology, applicationId, `${topic}:0:${offset}`),
    )
  expect(found).toEqual(shown)
})

it('docs/asynchronous-calls.md shows what the command prints about an answer', async () => {
  const calls = readFileSync(new URL('../../docs/asynchronous-calls.md', import.meta.url), 'utf8')
  const topology = enrichment.riskTopology(async () => ({ isKnown: true }))
  const plan = topology.build({ applicationId: 'risk' })
  const app = new MemoryApp({ plan, topics: { orders: 1, 'checked-orders': 1 }, config: LETTING_GO })
  await app.start()
  const [, id = '', order = ''] = /^(o-1):(\{.*\})$/m.exec(calls) ?? []
  app.produce('orders', id, order, { timestamp: AT })
  await app.time.until('an output', () => app.records('checked-orders').length === 1)
  await app.instance.close()
  const [, shown] = /^```text\n([\s\S]*?)^```$/m.exec(calls) ?? []
  expect(await printed(app, topology, 'risk', 'checked-orders:0:0')).toBe(shown)
})
