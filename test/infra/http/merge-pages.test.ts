import fc from 'fast-check'
import { expect, it } from 'vitest'
import { mergePages } from '../../../infra/http/cluster/merge-pages.ts'
import { decodeCursor, encodeCursor } from '../../../infra/http/cursor.ts'
import type { Page } from '../../../infra/http/page.ts'

const LIST = 'things'
const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b))

/** A part answers at most `limit` rows, and may stop before, as a filter that finds little does. */
function pageOf(keys: readonly string[], after: string | null, limit: number, patience: number): Page<string> {
  const left = keys.filter((key) => after === null || byBytes(key, after) > 0)
  const rows = left.slice(0, Math.min(limit, patience))
  const last = rows.at(-1)
  return { rows, nextCursor: rows.length < left.length && last !== undefined ? encodeCursor(LIST, last) : null }
}

it("pages over any parts bring every row once, in the order of the keys' bytes", () => {
  const keys = fc.uniqueArray(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 4 }), { maxLength: 40 })
  const property = fc.property(
    keys,
    fc.integer({ min: 1, max: 5 }),
    fc.integer({ min: 1, max: 7 }),
    (all, parts, limit) => {
      const wellFormed = all.filter((key) => key.isWellFormed())
      const shares = Array.from({ length: parts }, (_, part) =>
        wellFormed.filter((_key, i) => i % parts === part).sort(byBytes),
      )
      const walked: string[] = []
      let after: string | null = null
      for (let pages = 0; pages <= wellFormed.length + 1; pages++) {
        const from: string | null = after
        // Part 1 gives up sooner than it has to.
        const answers = shares.map((share, part) => pageOf(share, from, limit, part === 1 ? 1 : limit))
        const page = mergePages(answers, { list: LIST, limit, keyOf: (row) => row })
        expect(page.rows.length).toBeLessThanOrEqual(limit)
        walked.push(...page.rows)
        if (page.nextCursor === null) break
        after = decodeCursor(LIST, page.nextCursor)
      }
      expect(walked).toEqual([...wellFormed].sort(byBytes))
    },
  )
  fc.assert(property, { numRuns: 300 })
})
