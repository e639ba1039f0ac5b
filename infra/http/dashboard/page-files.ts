import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire, stripTypeScriptTypes } from 'node:module'
import { extname, join } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'

/** A file of the page as it goes out. */
export interface PageFile {
  readonly type: string
  readonly etag: string
  readonly body: Buffer
  readonly gzipped: Buffer
}

const PAGE = join(import.meta.dirname, 'page')

/** Libraries of the page, by the name it imports them under: ES modules that need no bundler, and a style sheet. */
const LIBRARIES: Readonly<Record<string, readonly [pkg: string, file: string]>> = {
  'lib/uplot.js': ['uplot', 'dist/uPlot.esm.js'],
  'lib/uplot.css': ['uplot', 'dist/uPlot.min.css'],
  'lib/dagre.js': ['@dagrejs/dagre', 'dist/dagre.esm.js'],
  'lib/h3.js': ['h3-js', 'dist/browser/h3-js.es.js'],
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  // Types are taken out before they are sent.
  '.ts': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

const compress = promisify(gzip)

/** The page, by path below /dashboard/: a fixed list of files, each read, stripped of its types and compressed at its first request. */
export class PageFiles {
  readonly #paths = pagePaths()
  readonly #loaded = new Map<string, Promise<PageFile>>()

  /** null: there is no such file. */
  async get(name: string): Promise<PageFile | null> {
    const path = this.#paths.get(name)
    if (path === undefined) return null
    let loading = this.#loaded.get(name)
    if (loading === undefined) {
      loading = load(path)
      this.#loaded.set(name, loading)
    }
    return await loading
  }
}

function pagePaths(): ReadonlyMap<string, string> {
  const require = createRequire(import.meta.url)
  const own = readdirSync(PAGE, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && TYPES[extname(entry.name)] !== undefined && !entry.name.endsWith('.d.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [path.slice(PAGE.length + 1), path] as const)
  const libraries = Object.entries(LIBRARIES).map(([name, [pkg, file]]) => {
    return [name, join(require.resolve(`${pkg}/package.json`), '..', file)] as const
  })
  return new Map([...own, ...libraries])
}

async function load(path: string): Promise<PageFile> {
  const extension = extname(path)
  const content = await readFile(path)
  const body = extension === '.ts' ? Buffer.from(stripTypeScriptTypes(content.toString('utf8'))) : content
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
  return { type: TYPES[extension] ?? 'application/octet-stream', etag, body, gzipped: await compress(body) }
}
