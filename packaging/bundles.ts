import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { type InputOptions, type Plugin, rolldown } from 'rolldown'
import { APPLICATION_ROOMS, engineFace, ROOT } from './rooms.ts'
import { sourcePlaces } from './source-places.ts'
import { thirdParties } from './third-parties.ts'

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/**
 * JavaScript of the engine: its exports, the file that stream threads run, its command and the faces of its rooms. Whatever is neither a
 * dependency nor an optional peer is copied in, so an install has few packages and an import reads few files.
 */
export function bundleEngine(out: string, faces: readonly string[]): Promise<void> {
  const entries = [
    'exports/index.ts',
    'exports/serdes.ts',
    'exports/serve.ts',
    'exports/testing.ts',
    'infra/streams/thread-worker.ts',
    ...faces,
  ]
  const input = {
    ...Object.fromEntries(entries.map((file) => [entryName(file), file])),
    'cli/main': 'cli/engine/main.ts',
  }
  const needed = isNeeded('.')
  const external = (id: string, importer: string | undefined) => needed.test(id) && !isExemplars(id, importer)
  return bundle(out, { input, external, plugins: [noApplication, lightProtocol, lightMetrics, thirdParties] })
}

/** JavaScript of the application. It takes the engine by the package's name. */
export function bundleApplication(out: string): Promise<void> {
  const entries = ['exports/client.ts', 'exports/events.ts', 'app/ride-app.ts', 'cli/main.ts']
  const input = Object.fromEntries(entries.map((file) => [entryName(file), file]))
  return bundle(out, { input, external: isNeeded('packaging/rides'), plugins: [engineByName] })
}

async function bundle(out: string, { plugins, ...options }: InputOptions & { readonly plugins: readonly Plugin[] }) {
  const built = await rolldown({
    ...options,
    cwd: ROOT,
    platform: 'node',
    transform: { target: 'node20' },
    plugins: [...plugins, sourcePlaces],
    // Our modules and what they import do nothing when they are loaded; those that do are entries.
    treeshake: { moduleSideEffects: (id, isExternal) => !isExternal && id.includes('/node_modules/') },
    checks: { pluginTimings: false },
    onLog(level, log) {
      throw new Error(`${level}: ${log.message}`)
    },
  })
  await built.write({ dir: out, entryFileNames: '[name].js', chunkFileNames: 'chunks/[name]-[hash].js' })
  await built.close()
}

function entryName(file: string): string {
  return file.replace(/\.ts$/, '')
}

/** Matches imports of what the manifest of that folder says an install brings. */
function isNeeded(folder: string): RegExp {
  const { dependencies, peerDependencies, optionalDependencies } = JSON.parse(
    readFileSync(join(ROOT, folder, 'package.json'), 'utf8'),
  ) as Manifest
  // Serdes load ajv by require(), when they are made. The one import of it is lightProtocol's to answer.
  const needed = Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies }).filter(
    (name) => name !== 'ajv',
  )
  return new RegExp(`^(?:node:|(?:${needed.join('|')})(?:/|$))`)
}

/** Path in the sources of a relative import; null for any other. */
function pathOf(source: string, importer: string | undefined): string | null {
  if (importer === undefined || !source.startsWith('.')) return null
  return relative(ROOT, join(dirname(importer), source))
}

const engineByName: Plugin = {
  name: 'engine-by-name',
  resolveId(source, importer) {
    const path = pathOf(source, importer)
    const face = path === null ? null : engineFace(path)
    return face === null ? null : { id: face, external: true }
  },
}

const noApplication: Plugin = {
  name: 'no-application',
  resolveId(source, importer) {
    const path = pathOf(source, importer)
    if (path === null || !APPLICATION_ROOMS.some((room) => path.startsWith(`${room}/`))) return null
    throw new Error(`the engine's package must not have ${path}, which ${importer} imports`)
  },
}

const NO_AJV = '\0no-ajv'

/** A module of @platformatic/kafka that codecs import compiles JSON schemas, for its clients alone; and its wasm is to need no file. */
const lightProtocol: Plugin = {
  name: 'light-protocol',
  resolveId(source, importer) {
    if (source === 'ajv/dist/2020.js') return NO_AJV
    // All codecs, for two names.
    if (source === '../../apis/index.js') return this.resolve('../../apis/callbacks.js', importer)
    if (source === '@platformatic/wasm-utils') return this.resolve('@platformatic/wasm-utils/bundled')
    return null
  },
  load(id) {
    if (id !== NO_AJV) return null
    return 'export class Ajv2020 { addKeyword() {} compile() { throw new Error("no schemas here") } }'
  },
}

const NO_EXEMPLARS = '\0no-exemplars'

/** prom-client loads OpenTelemetry for exemplars, which we do not use; whoever wants metrics need not install it. */
function isExemplars(id: string, importer: string | undefined): boolean {
  return id === '@opentelemetry/api' && importer?.includes('/node_modules/prom-client/') === true
}

const lightMetrics: Plugin = {
  name: 'light-metrics',
  resolveId: (source, importer) => (isExemplars(source, importer) ? NO_EXEMPLARS : null),
  load: (id) => (id === NO_EXEMPLARS ? 'export {}' : null),
}
