/*
 * `npm run build`: the two packages of this repository, from one run of the compiler. dist/ is the engine's (ride-streams, package.json),
 * packaging/rides/dist/ the application's (ride-streams-rides). docs/decisions/two-packages.md says why they are built like this.
 */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { dirname, join } from 'node:path'
import { bundleApplication, bundleEngine } from './bundles.ts'
import { ENGINE_ROOMS, engineFace, READ_AT_RUN_TIME, ROOT } from './rooms.ts'

const ENGINE = join(ROOT, 'dist')
const APPLICATION = join(ROOT, 'packaging', 'rides', 'dist')
const ROOMS_OF_APPLICATION = ['app', 'cli', 'processors']
const EXPORTS_OF_APPLICATION = ['client', 'events']

function build(): Promise<unknown> {
  for (const out of [ENGINE, APPLICATION]) rmSync(out, { recursive: true, force: true })
  declarations()
  copyFiles()
  return Promise.all([bundleEngine(ENGINE, engineFaces()), bundleApplication(APPLICATION)])
}

/** The compiler writes the declarations of all rooms (`npm run types` checks them); those of the application move to its package. */
function declarations(): void {
  const options = [
    '-p',
    'tsconfig.build.json',
    '--declaration',
    '--emitDeclarationOnly',
    '--noCheck',
    '--outDir',
    ENGINE,
  ]
  execFileSync(process.execPath, ['node_modules/typescript/bin/tsc', ...options], { cwd: ROOT, stdio: 'inherit' })
  for (const room of ROOMS_OF_APPLICATION) move(room)
  for (const name of EXPORTS_OF_APPLICATION) {
    move(join('exports', `${name}.d.ts`))
    // `ride-streams/client` goes on working where both packages are installed.
    for (const file of [`${name}.js`, `${name}.d.ts`]) {
      writeFileSync(join(ENGINE, 'exports', file), `export * from 'ride-streams-rides/${name}'\n`)
    }
  }
  for (const file of filesIn(APPLICATION)) {
    const path = join(APPLICATION, file)
    const text = readFileSync(path, 'utf8')
    const named = text.replace(/(from |import\()'(\.[^']+)'/g, (whole, before: string, to: string) => {
      const face = engineFace(join(dirname(file), to))
      return face === null ? whole : `${before}'${face}'`
    })
    if (named !== text) writeFileSync(path, named)
  }
}

function move(path: string): void {
  mkdirSync(dirname(join(APPLICATION, path)), { recursive: true })
  renameSync(join(ENGINE, path), join(APPLICATION, path))
}

function copyFiles(): void {
  for (const path of READ_AT_RUN_TIME.engine) copy(ENGINE, path)
  for (const path of READ_AT_RUN_TIME.application) copy(APPLICATION, path)
  cpSync(join(ROOT, 'bin', 'ride-streams'), join(APPLICATION, 'bin', 'ride-streams-rides'), { recursive: true })
  chmodSync(join(APPLICATION, 'bin', 'ride-streams-rides'), 0o755)
}

/** A browser gets the TypeScript of a page without types. The names stay: the files import each other by them. */
function copy(out: string, path: string): void {
  const to = join(out, path)
  cpSync(join(ROOT, path), to, { recursive: true })
  if (!statSync(to).isDirectory()) return
  for (const file of filesIn(to).filter((name) => name.endsWith('.ts'))) {
    if (file.endsWith('.d.ts')) rmSync(join(to, file))
    else writeFileSync(join(to, file), stripTypeScriptTypes(readFileSync(join(to, file), 'utf8')))
  }
}

/** The faces of the engine's rooms, which the application's package imports. */
function engineFaces(): readonly string[] {
  return ENGINE_ROOMS.flatMap((room) => filesIn(join(ROOT, room)).map((file) => join(room, file))).filter((file) =>
    file.endsWith('/index.ts'),
  )
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
}

await build()
