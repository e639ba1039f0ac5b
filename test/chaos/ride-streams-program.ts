import { AppProcess } from '../support/app-process.ts'
import { atEndOfTestProcess } from '../support/at-end-of-test.ts'
import type { Program, ProgramSetup, RunningProgram } from './program.ts'

const ANSWER_MS = 1000
const WALL_CLOCK = new URL('../support/wall-clock.mjs', import.meta.url)

/** `bin/ride-streams start` as an operator runs it; only its environment and its HTTP server distinguish it from others. */
export const RIDE_STREAMS: Program = {
  name: 'ride-streams',
  markers: 0,
  async start(setup: ProgramSetup) {
    const env = {
      ...environmentOf(setup),
      OUTPUT_RETENTION_MS: '-1',
      // The processors that the oracle knows.
      PROCESSORS: 'trip-state,driver-cells,hourly-revenue',
    }
    return runningProgram(await AppProcess.start(env, { ownGroup: true }))
  },
}

/** Settings of any program of ride-streams. */
export function environmentOf(setup: ProgramSetup) {
  const { bootstrap, applicationId, stateDir, clockFile, sessionTimeoutMs, standbys, settings } = setup
  return {
    KAFKA_BROKERS: bootstrap,
    APPLICATION_ID: applicationId,
    STATE_DIR: stateDir,
    SESSION_TIMEOUT_MS: String(sessionTimeoutMs),
    NUM_STANDBY_REPLICAS: String(standbys),
    NODE_OPTIONS: `--import=${WALL_CLOCK}`,
    WALL_CLOCK_FILE: clockFile,
    ...settings,
  }
}

/** A process with the routes of serveQueries. */
export function runningProgram(app: AppProcess): RunningProgram {
  // A killed run must not leave it behind.
  const guard = atEndOfTestProcess('kill -9 "$0"', [String(app.pid)])
  return {
    pid: app.pid,
    url: app.url,
    get isRunning() {
      return app.isRunning
    },
    get log() {
      return app.log
    },
    ready: () => app.ready(),
    isReady: async () => (await get(app, '/health/ready'))?.status === 200,
    processed: () => metric(app, 'records_processed_total'),
    async moveThreads(change) {
      const answer = await fetch(`${app.url}/threads/${change}`, { method: 'POST' })
      if (!answer.ok) throw new Error(`POST /threads/${change}: ${answer.status} ${await answer.text()}`)
    },
    signal: (signal) => app.signal(signal),
    async end(signal) {
      const code = await app.end(signal)
      guard.kill('SIGKILL')
      return code
    },
  }
}

/** No answer in time is an answer too: it is stopped, or on its way out. */
function get(app: AppProcess, path: string): Promise<Response | null> {
  return fetch(`${app.url}${path}`, { signal: AbortSignal.timeout(ANSWER_MS) }).catch(() => null)
}

async function metric(app: AppProcess, name: string): Promise<number | null> {
  const text = await (await get(app, '/metrics'))?.text().catch(() => null)
  if (text === null || text === undefined) return null
  const samples = text.split('\n').filter((line) => line.startsWith(name) && /^[{ ]/.test(line.slice(name.length)))
  return samples.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0)
}
