/** The processors of the application, each with the ones it stands on. */
const NEEDS = {
  'trip-state': [],
  'driver-cells': [],
  'hourly-revenue': ['trip-state'],
  'trip-offers': ['trip-state', 'driver-cells'],
  'cell-demand': ['trip-state'],
  'trip-funnel': ['trip-state'],
  'driver-earnings': ['trip-state'],
  'trip-history': ['trip-state'],
} as const satisfies Readonly<Record<string, readonly string[]>>

export type ProcessorName = keyof typeof NEEDS

export const ALL_PROCESSORS = Object.keys(NEEDS) as readonly ProcessorName[]

/** The processors whose topology never depends on whether the others run. */
export const CORE_PROCESSORS: readonly ProcessorName[] = ['trip-state', 'driver-cells', 'hourly-revenue']

/** Says what is wrong with a choice of processors; null when nothing is. */
export function processorsProblem(chosen: readonly ProcessorName[]): string | null {
  for (const name of chosen) {
    const missing = NEEDS[name].find((needed) => !chosen.includes(needed))
    if (missing !== undefined) return `"${name}" needs "${missing}", which is not in the list`
  }
  return null
}
