import type { StreamsInstance } from '../../../runtime/ports/instance.ts'
import type { DashboardSection } from './application.ts'
import { atMostEvery } from './at-most-every.ts'
import { expectedProblem } from './expected-problem.ts'
import type { SectionData } from './sections/index.ts'
import { TopicRates } from './topic-rates.ts'

/** One instance's part of what all of them show together, by section. */
export type Share = Readonly<Record<string, SectionData<unknown>>>

export interface LocalShareOptions {
  readonly instance: StreamsInstance
  readonly sections: readonly DashboardSection[]
  readonly aboutMissingStores: string
}

const EVERY_MS = 900

/*
 * Owns the readings of this process' own stores and tasks, for its own dashboard and those of the other instances.
 * 1. However many ask: at most about one reading a second, which all of them share.
 */
export class LocalShare {
  readonly read: () => Promise<Share>

  constructor({ instance, sections, aboutMissingStores }: LocalShareOptions) {
    const parts = sections.map((section) => ({ name: section.name, read: section.ownPart(instance) }))
    const rates = new TopicRates()
    parts.push(
      { name: 'tasks', read: () => instance.tasks() },
      { name: 'rates', read: async () => rates.read(instance.plan(), await instance.metrics()) },
    )
    const part = async (read: () => Promise<unknown>): Promise<SectionData<unknown>> => {
      try {
        return { data: await read(), problem: null }
      } catch (error) {
        const problem = expectedProblem(error, aboutMissingStores)
        if (problem === null) throw error
        return { data: null, problem }
      }
    }
    this.read = atMostEvery(EVERY_MS, async () =>
      Object.fromEntries(await Promise.all(parts.map(async ({ name, read }) => [name, await part(read)] as const))),
    )
  }
}
