import { createHash } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import module, { createRequire } from 'node:module'
import { extname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { DashboardPart } from './application.ts'

/** A file of the page as it is sent. */
export interface PageFile {
  readonly type: string
  readonly etag: string
  readonly body: Buffer
  readonly gzipped: Buffer
}

const KIT = join(import.meta.dirname, 'page')
/** Mark in index.html where the file of this name is inserted. */
const APPLICATION = 'application.html'

/** Mark in index.html where the title is inserted. */
const TITLE = '{title}'

/** Libraries of the kit, by the name it imports them under: ES modules that need no bundler, and a style sheet. */
const LIBRARIES: Readonly<Record<string, readonly [pkg: string, file: string]>> = {
  'lib/uplot.js': ['uplot', 'dist/uPlot.esm.js'],
  'lib/uplot.css': ['uplot', 'dist/uPlot.min.css'],
  'lib/dagre.js': ['@dagrejs/dagre', 'dist/dagre.esm.js'],
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  // Types are removed before the file is sent.
  '.ts': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

const compress = promisify(gzip)

export interface PageFilesOptions {
  readonly part: Pick<DashboardPart, 'page' | 'libraries'> | undefined
  readonly title: string
}

/**
 * The page, by path below /dashboard/: the files of the kit and those of the application, which stand for the kit's of the same name.
 * The list is fixed; each is read, stripped of its types and compressed at its first request.
 */
export class PageFiles {
  readonly #paths: ReadonlyMap<string, string>
  readonly #title: string
  readonly #loaded = new Map<string, Promise<PageFile>>()

  constructor({ part, title }: PageFilesOptions) {
    const own = part === undefined ? [] : [...filesIn(part.page), ...Object.entries(part.libraries)]
    this.#paths = new Map([...filesIn(KIT), ...libraryFiles(), ...own])
    this.#title = title
  }

  /** null: there is no such file. */
  async get(name: string): Promise<PageFile | null> {
    const path = this.#paths.get(name)
    if (path === undefined) return null
    let loading = this.#loaded.get(name)
    if (loading === undefined) {
      loading = name === 'index.html' ? this.#loadIndex(path) : load(path)
      this.#loaded.set(name, loading)
    }
    return await loading
  }

  async #loadIndex(path: string): Promise<PageFile> {
    const index = await readFile(path, 'utf8')
    const application = await readFile(this.#paths.get(APPLICATION) ?? '', 'utf8')
    const title = this.#title.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`)
    const page = index.replaceAll(TITLE, () => title).replace(`<!-- ${APPLICATION} -->`, () => application)
    return pageFile('.html', Buffer.from(page))
  }
}

function filesIn(folder: string): ReadonlyArray<readonly [name: string, path: string]> {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && TYPES[extname(entry.name)] !== undefined && !entry.name.endsWith('.d.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => [relative(folder, path), path])
}

function libraryFiles(): ReadonlyArray<readonly [name: string, path: string]> {
  const require = createRequire(import.meta.url)
  return Object.entries(LIBRARIES).map(([name, [pkg, file]]) => [
    name,
    join(require.resolve(`${pkg}/package.json`), '..', file),
  ])
}

async function load(path: string): Promise<PageFile> {
  const extension = extname(path)
  const content = await readFile(path)
  return pageFile(extension, extension === '.ts' ? withoutTypes(content) : content)
}

/** The files of an installed package have no types, and an older Node could not remove them. */
function withoutTypes(content: Buffer): Buffer {
  const { stripTypeScriptTypes: strip } = module
  return strip === undefined ? content : Buffer.from(strip(content.toString('utf8')))
}

async function pageFile(extension: string, body: Buffer): Promise<PageFile> {
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
  return { type: TYPES[extension] ?? 'application/octet-stream', etag, body, gzipped: await compress(body) }
}
