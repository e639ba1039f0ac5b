import { join } from 'node:path'
import { nycRides } from '../../app/simulator/nyc-rides.ts'
import { runLiveSimulation, runSimulation } from '../../app/simulator/run-simulation.ts'
import type { RideSource } from '../../app/simulator/simulated-event.ts'
import { type Config, kafkaConnection } from '../../infra/config/index.ts'
import type { FeedStatus } from './frame.ts'

const SEED = 1

/** Feeds the recorded rides of New York into the topics, from where an earlier dev ended; then live rides, which never end. */
export class RideFeed {
  readonly #config: Config
  readonly #speed: number
  readonly #source: RideSource = nycRides({ seed: SEED })
  #status: FeedStatus

  /** @param speed event seconds per second */
  constructor(config: Config, speed: number) {
    this.#config = config
    this.#speed = speed
    this.#status = { at: null, done: 0, all: this.#source.rides, speed, planted: 0, live: null }
  }

  status(): FeedStatus {
    return this.#status
  }

  /** Runs until the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const common = { connection: kafkaConnection(this.#config), signal }
    const { finished } = await runSimulation({
      ...common,
      source: this.#source,
      speed: this.#speed,
      positionFile: join(this.#config.stateDir, 'dev-feed.json'),
      onProgress: ({ at, rides, invalidEver }) => {
        this.#status = { ...this.#status, at, done: rides, planted: invalidEver }
      },
    })
    if (!finished) return
    const planted = this.#status.planted
    this.#status = { ...this.#status, done: this.#source.rides, live: 0 }
    await runLiveSimulation({
      ...common,
      seed: SEED,
      positionFile: join(this.#config.stateDir, 'dev-live.json'),
      onProgress: ({ rides, invalidEver }) => {
        this.#status = { ...this.#status, live: rides, planted: planted + invalidEver }
      },
    })
  }
}
