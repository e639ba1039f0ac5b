import { CORE_PROCESSORS, type ProcessorName } from '../../processors/processor-names.ts'
import { RIDE_PROCESSORS } from '../../processors/ride-processors.ts'
import { buildRideTopology } from '../../processors/ride-topology.ts'
import { deadLetterTopic, type Plan } from '../../topology/index.ts'

/** Stores with a fold. */
const KNOWN: ReadonlySet<string> = new Set(
  RIDE_PROCESSORS.flatMap(({ fold, stores }) => (fold === null ? [] : Object.keys(stores))),
)

/** Names of stores and topics, from the plan; nothing else of the topology is used. */
export class VerifyNames {
  /** The dead letter topic. */
  readonly letters: string
  readonly repartition: readonly string[]
  /** Changelogs, outputs, dead letters. */
  readonly written: readonly string[]
  /** Stores of the application without a fold. */
  readonly notCompared: readonly string[]
  readonly #plan: Plan
  readonly #changelogs: ReadonlyMap<string, string>

  constructor(options: {
    readonly applicationId: string
    readonly h3Resolution: number
    readonly processors?: readonly ProcessorName[] | undefined
  }) {
    const { applicationId, h3Resolution, processors = CORE_PROCESSORS } = options
    this.#plan = buildRideTopology({ h3Resolution, processors }).build({ applicationId })
    const { subtopologies } = this.#plan
    this.#changelogs = new Map(
      subtopologies
        .flatMap(({ stores }) => stores)
        .flatMap(({ spec, changelogTopic }) => (changelogTopic === null ? [] : [[spec.name, changelogTopic] as const])),
    )
    this.letters = deadLetterTopic(applicationId)
    this.repartition = subtopologies.flatMap(({ repartitionSourceTopics }) => repartitionSourceTopics)
    this.written = [...this.#changelogs.values(), ...this.#outputs(), this.letters]
    this.notCompared = [...this.#changelogs.keys()].filter((store) => !KNOWN.has(store))
  }

  has(store: string): boolean {
    return this.#changelogs.has(store)
  }

  changelog(store: string): string {
    const topic = this.#changelogs.get(store)
    if (topic === undefined) throw new RangeError(`store ${store} has no changelog`)
    return topic
  }

  repartitionOf(name: string): string {
    return `${this.#plan.applicationId}-${name}-repartition`
  }

  #outputs(): readonly string[] {
    const sinks = this.#plan.subtopologies
      .flatMap(({ nodes }) => nodes)
      .flatMap((node) => (node.type === 'sink' && typeof node.topic === 'string' ? [node.topic] : []))
    return [...new Set(sinks)].filter((topic) => !this.repartition.includes(topic))
  }
}
