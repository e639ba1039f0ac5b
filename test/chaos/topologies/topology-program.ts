import { fileURLToPath } from 'node:url'
import { freePorts } from '../../../infra/local-kafka/readiness.ts'
import { AppProcess } from '../../support/app-process.ts'
import type { Program } from '../program.ts'
import { runningProgram } from '../ride-streams-program.ts'

const SERVICE = fileURLToPath(new URL('./service.ts', import.meta.url))
const WALL_CLOCK = new URL('../../support/wall-clock.mjs', import.meta.url)

/** service.ts with the cases of these names. */
export function topologyProgram(names: readonly string[]): Program {
  return {
    name: names.join(','),
    markers: 0,
    async start({ bootstrap, applicationId, stateDir, clockFile, sessionTimeoutMs, standbys }) {
      const [port = 0] = await freePorts(1)
      const env = {
        KAFKA_BROKERS: bootstrap,
        APPLICATION_ID: applicationId,
        STATE_DIR: stateDir,
        SESSION_TIMEOUT_MS: String(sessionTimeoutMs),
        NUM_STANDBY_REPLICAS: String(standbys),
        HTTP_PORT: String(port),
        APPLICATION_SERVER: `127.0.0.1:${port}`,
        NODE_OPTIONS: `--import=${WALL_CLOCK}`,
        WALL_CLOCK_FILE: clockFile,
        CHAOS_TOPOLOGIES: names.join(','),
      }
      const options = ['--conditions=ride-streams-source', '--disable-warning=ExperimentalWarning']
      return runningProgram(
        await AppProcess.start(env, { ownGroup: true, command: [process.execPath, ...options, SERVICE] }),
      )
    },
  }
}
