import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Plugin } from 'rolldown'

/** Writes THIRD-PARTY-LICENSES.md into the package: what was copied into the bundle, with its licence. */
export const thirdParties: Plugin = {
  name: 'third-parties',
  generateBundle(_options, bundle) {
    const folders = new Set<string>()
    for (const part of Object.values(bundle)) {
      if (part.type !== 'chunk') continue
      for (const id of part.moduleIds) {
        const folder = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0]
        if (folder !== undefined) folders.add(folder)
      }
    }
    const parts = [...folders].map(licenceOf).sort()
    const source = ['# Third parties', 'The JavaScript of this package includes code of these packages.', ...parts]
    this.emitFile({ type: 'asset', fileName: 'THIRD-PARTY-LICENSES.md', source: `${source.join('\n\n')}\n` })
  },
}

function licenceOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    name: string
    version: string
    license: string
  }
  const file = existsSync(folder) ? readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry)) : undefined
  const text =
    file === undefined ? '' : `\n\n\`\`\`\`text\n${readFileSync(join(folder, file), 'utf8').trim()}\n\`\`\`\``
  return `## ${name} ${version} (${license})${text}`
}
