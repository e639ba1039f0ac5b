import { cp, mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { newProject, OUTSIDE, type Packed, run, say } from './packed.ts'

/** Uses the engine's package, without the application's, in the ways that users of Node have. */
export async function tryTools(directory: string, { engine }: Packed, oldest: string): Promise<void> {
  const project = join(directory, 'tools')
  await newProject(project, [engine], ['typescript', '@types/node', 'tsx', 'vitest', 'jest', 'esbuild'])
  await cp(join(import.meta.dirname, 'tools'), project, { recursive: true })
  for (const name of ['driver.ts', 'tsconfig.json']) {
    await cp(join(import.meta.dirname, 'project', name), join(project, name))
  }
  const at = { cwd: project }
  const bin = (name: string): string => join(project, 'node_modules', '.bin', name)
  const node = process.execPath
  const attempts: Record<string, () => Promise<unknown>> = {
    'TypeScript, strict, with the types of all packages': () => run(node, [bin('tsc'), '-p', '.'], at),
    'TypeScript 5 to CommonJS, which reads no exports': () => tryCommonJs(directory, engine),
    'import, newest Node': () => run(node, ['out/driver.js'], at),
    'import, oldest Node': () => run(oldest, ['out/driver.js'], at),
    'require(), newest Node': () => run(node, ['required.cjs'], at),
    'require(), oldest Node': () => run(oldest, ['required.cjs'], at),
    tsx: () => run(node, [bin('tsx'), 'driver.ts'], at),
    vitest: () => run(node, [bin('vitest'), 'run', '--globals', 'sum.test.js'], at),
    jest: () => run(node, ['--experimental-vm-modules', bin('jest'), '--transform={}', 'sum.test.js'], at),
    'the packed examples': () => tryExamples(project),
    'an esbuild bundle of all but the packages with binaries': async () => {
      const external = OUTSIDE.map((name) => `--external:${name}`)
      const flags = ['--bundle', '--platform=node', '--format=esm', '--outfile=out/bundle.mjs']
      await run(bin('esbuild'), ['driver.ts', ...flags, ...external], at)
      await run(node, ['out/bundle.mjs'], at)
    },
    'an optional package that is missing': () => run(oldest, ['missing.js'], at),
    'the query server': () => tryServing(directory, engine),
    'the command': () => run(bin('ride-streams'), ['--help'], at),
    'pnpm, install scripts off': () => tryPnpm(directory, engine),
  }
  for (const [name, attempt] of Object.entries(attempts)) {
    await attempt().catch((error: { message: string; stdout?: string }) => {
      throw new Error(`${name}: ${error.message}\n${error.stdout ?? ''}`)
    })
    say(`${name}: works`)
  }
}

/** The settings of many older projects: `module: commonjs` with the resolution that TypeScript 5 takes for it. */
async function tryCommonJs(directory: string, engine: string): Promise<void> {
  const project = join(directory, 'commonjs')
  await newProject(project, [engine], ['typescript@5', '@types/node'])
  await writeFile(join(project, 'package.json'), '{"name":"somebody-else","private":true}\n')
  await cp(join(import.meta.dirname, 'project', 'driver.ts'), join(project, 'driver.ts'))
  const options = ['--strict', '--target', 'es2022', '--module', 'commonjs', '--skipLibCheck', '--esModuleInterop']
  await run(process.execPath, ['node_modules/typescript/bin/tsc', ...options, 'driver.ts'], { cwd: project })
  await run(process.execPath, ['driver.js'], { cwd: project })
}

/** Without the service, whose web server the engine does not bring. */
async function tryExamples(project: string): Promise<void> {
  const at = { cwd: project }
  const bin = (name: string): string => join(project, 'node_modules', '.bin', name)
  const packed = join(project, 'node_modules', 'ride-streams', 'examples')
  await cp(packed, join(project, 'examples'), {
    recursive: true,
    filter: (file) => !/(06-service|10-event-consumer)\.ts$/.test(file),
  })
  const options = [
    '--ignoreConfig',
    '--noEmit',
    '--strict',
    '--allowImportingTsExtensions',
    '--module',
    'nodenext',
    '--target',
    'es2024',
  ]
  const files = (await readdir(join(project, 'examples'))).filter((name) => name.endsWith('.ts'))
  const paths = files.map((name) => join('examples', name))
  await run(process.execPath, [bin('tsc'), ...options, '--types', 'node', '--skipLibCheck', ...paths], at)
  await run(process.execPath, [bin('vitest'), 'run', 'examples'], at)
}

/** With the packages that docs/serving.md names, and no others. */
async function tryServing(directory: string, engine: string): Promise<void> {
  const project = join(directory, 'serving')
  await newProject(project, [engine], ['fastify', '@fastify/swagger', 'undici'])
  await cp(join(import.meta.dirname, 'tools', 'serving.js'), join(project, 'serving.js'))
  await run(process.execPath, ['serving.js'], { cwd: project })
}

async function tryPnpm(directory: string, engine: string): Promise<void> {
  const tool = join(directory, 'pnpm')
  await newProject(tool, [], ['pnpm'])
  const project = join(directory, 'with-pnpm')
  await mkdir(project)
  await writeFile(join(project, 'package.json'), '{"name":"somebody-else","private":true,"type":"module"}\n')
  await cp(join(import.meta.dirname, 'tools', 'required.cjs'), join(project, 'required.cjs'))
  const pnpm = join(tool, 'node_modules', '.bin', 'pnpm')
  const store = join(directory, 'pnpm-store')
  await run(pnpm, ['add', '--ignore-scripts', '--store-dir', store, engine], { cwd: project })
  await run(process.execPath, ['required.cjs'], { cwd: project })
}
