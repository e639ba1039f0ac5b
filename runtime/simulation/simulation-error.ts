import { StreamsError } from '../../state/ports/errors.ts'

/** Correct the topology, or what the test expects: with this seed the results are wrong. The message tells all that is known. */
export class SimulationError extends StreamsError {
  readonly seed: number
  /** In words. */
  readonly differences: readonly string[]
  /** The faults, commits and rebalances of the run, oldest first. */
  readonly story: readonly string[]
  /** Runs this seed alone. */
  readonly replay: string

  constructor(message: string, found: Pick<SimulationError, 'seed' | 'differences' | 'story' | 'replay'>) {
    super('SIMULATION', message)
    this.seed = found.seed
    this.differences = found.differences
    this.story = found.story
    this.replay = found.replay
  }
}
