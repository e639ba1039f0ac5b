import type { ManagedStore } from '../../state/ports/managed-store.ts'
import type { LogAdmin } from '../ports/log.ts'

/** The age of a store that has yet to read the rest of its changelog. */
export interface StoreAge {
  /** Time when it was last at the end of its changelog, epoch ms; null = not known. */
  readonly asOf: number | null
  /** Until then at least, the changelog has every delete after the store's position, epoch ms. */
  readonly deadline: number
}

/** Kafka's default, for topics whose setting is unknown. */
const DEFAULT_DELETE_RETENTION_MS = 86_400_000

/**
 * Compaction keeps a delete for delete.retention.ms after it has removed the row. A store that was at the end of its changelog at a time
 * misses no delete when it has read on to the end before that time and the retention are over. By the clock of this machine: a
 * time that lies ahead says nothing.
 */
export async function agesOf<C extends { readonly topic: string; readonly store: ManagedStore }>(
  changelogs: readonly C[],
  admin: Pick<LogAdmin, 'topicSettings'>,
  now: number,
): Promise<ReadonlyMap<C, StoreAge>> {
  if (changelogs.length === 0) return new Map()
  const settings = await admin.topicSettings([...new Set(changelogs.map(({ topic }) => topic))])
  return new Map(
    changelogs.map((changelog) => {
      const asOf = changelog.store.asOf()
      const retention = Number(settings.get(changelog.topic)?.get('delete.retention.ms') ?? DEFAULT_DELETE_RETENTION_MS)
      const isKnown = asOf !== null && asOf <= now
      return [changelog, { asOf, deadline: isKnown ? asOf + retention : Number.NEGATIVE_INFINITY }]
    }),
  )
}
