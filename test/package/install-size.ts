import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from './packed.ts'

/** An install of the engine alone is to stay below these. */
export const AIMS = { megabytes: 40, packages: 25, importMs: 150 }

export interface InstallSize {
  readonly megabytes: number
  readonly packages: number
}

/** Space on the disk and number of packages of a project's node_modules. */
export async function installSize(project: string): Promise<InstallSize> {
  const { stdout } = await run('du', ['-sk', 'node_modules'], { cwd: project })
  const lock = await readFile(join(project, 'node_modules', '.package-lock.json'), 'utf8')
  const { packages } = JSON.parse(lock) as { packages: Record<string, unknown> }
  return { megabytes: Number.parseInt(stdout, 10) / 1024, packages: Object.keys(packages).length }
}

/** Time of one import in a fresh process, ms: the shortest of nine, since whatever else runs can only make it longer. */
export async function importTime(node: string, project: string, name: string): Promise<number> {
  const program = `const from = performance.now(); await import('${name}'); console.log(performance.now() - from)`
  const times: number[] = []
  for (let i = 0; i < 9; i++) {
    const { stdout } = await run(node, ['--input-type=module', '-e', program], { cwd: project })
    times.push(Number(stdout))
  }
  return Math.min(...times)
}
