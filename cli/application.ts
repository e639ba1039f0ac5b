import { startApp } from '../infra/app/start-app.ts'
import type { Config } from '../infra/config/config.ts'
import { rideViews } from '../infra/http/ride-views.ts'
import { startHttp } from '../infra/http/server.ts'
import type { Logger } from '../infra/logging/logger.ts'
import type { StreamsInstance } from '../runtime/ports/instance.ts'
import { rideTopology } from './ride-topology.ts'

/** The application in this process: the instance and the HTTP server in front of it. */
export interface Application {
  readonly instance: StreamsInstance
  /** Of the HTTP server. */
  readonly url: string
  /** HTTP first, then the instance: last commit, release tasks, leave the group. Twice is fine. */
  close(): Promise<void>
}

/** Starts instance and HTTP server; when the server cannot listen, the instance is closed again. */
export async function openApplication(config: Config, logger: Logger): Promise<Application> {
  const topology = rideTopology(config).describe().toJSON()
  const instance = await startApp(config)
  try {
    const http = await startHttp(
      { instance, views: rideViews, topology, token: config.httpToken, logger },
      config.httpHost,
      config.httpPort,
    )
    return {
      instance,
      url: http.url,
      async close() {
        await http.close()
        await instance.close()
      },
    }
  } catch (error) {
    await instance.close()
    throw error
  }
}
