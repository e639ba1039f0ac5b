import { join } from 'node:path'
import { nycRides } from '../../app/simulator/nyc-rides.ts'
import { runSimulation } from '../../app/simulator/run-simulation.ts'
import type { RideSource } from '../../app/simulator/simulated-event.ts'
import { type Config, kafkaConnection } from '../../infra/config/index.ts'
import type { FeedStatus } from './frame.ts'

const SEED = 1

/** Feeds the recorded rides of New York into the topics; continues where an earlier dev ended. */
export class NycFeed {
  readonly #config: Config
  readonly #speed: number
  readonly #source: RideSource = nycRides({ seed: SEED })
  #status: FeedStatus

  /** @param speed event seconds per second */
  constructor(config: Config, speed: number) {
    this.#config = config
    this.#speed = speed
    this.#status = { at: null, done: 0, all: this.#source.rides, speed, finished: false }
  }

  status(): FeedStatus {
    return this.#status
  }

  /** Runs until the last ride or the signal. */
  async run(signal: AbortSignal): Promise<void> {
    await runSimulation({
      connection: kafkaConnection(this.#config),
      source: this.#source,
      speed: this.#speed,
      positionFile: join(this.#config.stateDir, 'dev-feed.json'),
      signal,
      onProgress: ({ at, rides, finished }) => {
        // After a restart at the end nothing is left to send: all rides have been sent.
        const done = finished ? this.#source.rides : rides
        this.#status = { at, done, all: this.#source.rides, speed: this.#speed, finished }
      },
    })
  }
}
