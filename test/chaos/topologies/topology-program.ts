import { fileURLToPath } from 'node:url'
import { freePorts } from '../../../infra/local-kafka/readiness.ts'
import { AppProcess } from '../../support/app-process.ts'
import type { Program } from '../program.ts'
import { environmentOf, runningProgram } from '../ride-streams-program.ts'

const SERVICE = fileURLToPath(new URL('./service.ts', import.meta.url))

/** The variables that topology.ts reads. */
export function topologyEnvironment(names: readonly string[], optimization: 'none' | 'all') {
  return { CHAOS_TOPOLOGIES: names.join(','), CHAOS_OPTIMIZATION: optimization }
}

/** service.ts with the cases of these names. */
export function topologyProgram(names: readonly string[], optimization: 'none' | 'all'): Program {
  return {
    name: names.join(','),
    markers: 0,
    async start(setup) {
      const [port = 0] = await freePorts(1)
      const env = {
        ...environmentOf(setup),
        HTTP_PORT: String(port),
        APPLICATION_SERVER: `127.0.0.1:${port}`,
        ...topologyEnvironment(names, optimization),
      }
      const options = ['--conditions=ride-streams-source', '--disable-warning=ExperimentalWarning']
      return runningProgram(
        await AppProcess.start(env, { ownGroup: true, command: [process.execPath, ...options, SERVICE] }),
      )
    },
  }
}
