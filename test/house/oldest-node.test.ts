import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { ENGINE_ROOMS } from '../../packaging/rooms.ts'
import { projectRoot } from '../support/run-cli.ts'

/** Functions that Node 20 lacks, which the engine's package runs on. The types do not tell: they are those of the newest Node. */
const LACKING = /\b(?:Promise\.(?:withResolvers|try)|(?:Map|Object)\.groupBy|Array\.fromAsync)(?=[(<])/g

const lacking = (code: string): string[] => code.match(LACKING) ?? []

it('the engine calls nothing that its oldest Node lacks', () => {
  const files = [...ENGINE_ROOMS, 'cli', 'exports'].flatMap((room) =>
    readdirSync(join(projectRoot, room), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => join(room, file)),
  )
  expect(files.length).toBeGreaterThan(300)
  const found = files.flatMap((file) =>
    lacking(readFileSync(join(projectRoot, file), 'utf8')).map((call) => `${file}: ${call}`),
  )
  expect(found).toEqual([])
  expect(lacking('Promise.withResolvers<void>()\nMap.groupBy(all, by) // Object.groupBy does it')).toEqual([
    'Promise.withResolvers',
    'Map.groupBy',
  ])
})
