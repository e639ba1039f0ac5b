import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const FILE = join(import.meta.dirname, 'recorded-ratios.json')
/** A ratio below so much of the recorded one fails: a shared machine alone takes 10 to 20 %. */
const LEAST_SHARE = 0.8

/** Lines for ratios that are too low; a ratio that was never recorded is one too. */
export async function tooLow(found: ReadonlyMap<string, number>): Promise<readonly string[]> {
  const recorded = JSON.parse(await readFile(FILE, 'utf8')) as Readonly<Record<string, number>>
  return [...found].flatMap(([name, ratio]) => {
    const wanted = recorded[name]
    if (wanted === undefined) return [`${name}: no ratio is recorded; npm run bench -- --quick --record records it`]
    if (ratio >= wanted * LEAST_SHARE) return []
    return [`${name}: ${ratio.toFixed(2)} is below ${LEAST_SHARE} of the recorded ${wanted.toFixed(2)}`]
  })
}

export async function record(found: ReadonlyMap<string, number>): Promise<void> {
  const rounded = Object.fromEntries([...found].map(([name, ratio]) => [name, Math.round(ratio * 100) / 100]))
  await writeFile(FILE, `${JSON.stringify(rounded, null, 2)}\n`)
}
