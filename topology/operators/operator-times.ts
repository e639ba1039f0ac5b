/*
 * Names of the times that operators keep with their stores (StoreSpec.keptNumbers), epoch ms: so a restart, a standby and a
 * restored store know what is late and what has been sent.
 */

/** Greatest time of the records seen, or of an idle tick. */
export const OBSERVED = 'observed'
/** Windows that end up to this time have been sent as final. */
export const EMITTED = 'emitted'

/** Names of the times that a windowed aggregate keeps. The members of a cogroup share a store, and each has its own times. */
export function windowTimes(members = 1): readonly string[] {
  return Array.from({ length: members }, (_, member) => [timeOf(OBSERVED, member), timeOf(EMITTED, member)]).flat()
}

export function timeOf(name: string, member: number): string {
  return member === 0 ? name : `${name}-${member}`
}
