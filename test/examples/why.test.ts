import { readFileSync } from 'node:fs'
import { expect, it, vi } from 'vitest'
import { printCause } from '../../cli/cause-view.ts'
import * as why from '../../examples/11-why.ts'
import * as fixed from '../../examples/11-why-fixed.ts'
import type { Topology } from '../../topology/index.ts'
import { causeOf, LETTING_GO } from '../support/asked-causes.ts'
import { MemoryApp } from '../support/memory-app.ts'

/* The story of docs/why.md: its payments, and all that the page says the command prints. */

const page = readFileSync(new URL('../../docs/why.md', import.meta.url), 'utf8')
const AT = Date.UTC(2026, 0, 1, 12)
const applicationId = 'balances'

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
  const printed = async (topology: Topology, place: string): Promise<string> => {
    const cause = await causeOf(app, topology.build({ applicationId }), place)
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
    found.push(await printed(file === 'why' ? why.topology : fixed.topology, `${topic}:0:${offset}`))
  expect(found).toEqual(shown)
})
