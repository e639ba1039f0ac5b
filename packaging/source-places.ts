import { dirname, relative } from 'node:path'
import type { Plugin } from 'rolldown'
import { ROOT } from './rooms.ts'

interface Node {
  readonly type: string
  readonly start: number
  readonly end: number
  readonly object?: Node
  readonly property?: { readonly name: string }
}

/**
 * `import.meta` of a source file means a place beside that file, wherever its code ends up: files that are read at run time lie in the
 * package as they do in the sources.
 */
export const sourcePlaces: Plugin = {
  name: 'source-places',
  transform(code, id) {
    const file = relative(ROOT, id)
    if (!code.includes('import.meta.') || !file.endsWith('.ts') || file.startsWith('node_modules')) return null
    let out = code
    for (const { start, end, property } of metaProperties(this.parse(code, { lang: 'ts' })).reverse()) {
      const place =
        property?.name === 'dirname'
          ? `globalThis.__sourceDirectory(${JSON.stringify(dirname(file))})`
          : property?.name === 'url'
            ? `globalThis.__sourceUrl(${JSON.stringify(file.replace(/\.ts$/, '.js'))})`
            : code.slice(start, end)
      out = out.slice(0, start) + place + out.slice(end)
    }
    return out
  },
  renderChunk(code, { fileName }) {
    if (!code.includes('globalThis.__source')) return null
    const from = (path: string): string => relative(dirname(fileName), path)
    return code
      .replace(/globalThis\.__sourceDirectory\("([^"]+)"\)/g, (_, path: string) =>
        from(path) === '' ? 'import.meta.dirname' : `(import.meta.dirname + ${JSON.stringify(`/${from(path)}`)})`,
      )
      .replace(
        /globalThis\.__sourceUrl\("([^"]+)"\)/g,
        (_, path: string) => `new URL(${JSON.stringify(`./${from(path)}`)}, import.meta.url).href`,
      )
  },
}

/** All `import.meta.name` of a program, in their order. */
function metaProperties(program: unknown): Node[] {
  if (typeof program !== 'object' || program === null) return []
  const node = program as Node
  if (node.type === 'MemberExpression' && node.object?.type === 'MetaProperty') return [node]
  return Object.values(program).flatMap(metaProperties)
}
