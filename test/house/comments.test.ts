import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { projectRoot } from '../support/run-cli.ts'

/** A comment that begins with one of these is half a sentence: the reader has to find its subject or verb elsewhere. */
const HALF_SENTENCE = /^[^'"`]*?(?:\/\/|\/\*\*?)\s+(?:\* )?((?:Of|What|Those|As|Who|Told|Asked)\s.*)$/gm

const halfSentences = (code: string): (string | undefined)[] =>
  [...code.matchAll(HALF_SENTENCE)].map(([, comment]) => comment)

it('no comment begins as half a sentence', () => {
  const folders = ['topology', 'state', 'runtime', 'infra', 'processors', 'app', 'cli', 'exports', 'test', 'bench']
  const files = [...folders, 'examples', 'packaging']
    .flatMap((folder) =>
      readdirSync(join(projectRoot, folder), { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
    )
    .filter((file) => /\.(?:ts|mjs|js)$/.test(file) && !/\b(?:node_modules|dist)\//.test(file))
  expect(files.length).toBeGreaterThan(500)
  const found = files.flatMap((file) =>
    halfSentences(readFileSync(join(projectRoot, file), 'utf8')).map((comment) => `${file}: ${comment}`),
  )
  expect(found).toEqual([])
})

it('a planted half sentence is found, in every form of a comment', () => {
  const code = ['  /** Of each row. */', 'const a = 1 // As before', '/*\n * What it keeps', '// Those that went'].join(
    '\n',
  )
  expect(halfSentences(code)).toEqual(['Of each row. */', 'As before', 'What it keeps', 'Those that went'])
  expect(halfSentences('/** The rows of a page. What follows is free. */\nconst url = "x// Of"\n')).toEqual([])
})
