import type { GroupKnowledge } from './types.ts'

export const NOTHING_KNOWN: GroupKnowledge = {
  owners: {},
  standbys: {},
  transactionalIds: {},
  endpoints: {},
  successors: {},
}

/** Transactional ids that `before` knew and that no member of `now` has. */
export function goneTransactionalIds(
  before: Pick<GroupKnowledge, 'transactionalIds'>,
  now: Pick<GroupKnowledge, 'transactionalIds'>,
): string[] {
  const present = new Set(Object.values(now.transactionalIds).flat())
  const known = new Set(Object.values(before.transactionalIds).flat())
  return [...known].filter((id) => !present.has(id)).sort()
}
