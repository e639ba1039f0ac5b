import { RIDE_PROCESSORS } from './ride-processors.ts'

export type ProcessorName = (typeof RIDE_PROCESSORS)[number]['name']

export const ALL_PROCESSORS: readonly ProcessorName[] = RIDE_PROCESSORS.map(({ name }) => name)

/** The processors whose topology does not depend on the others. */
export const CORE_PROCESSORS: readonly ProcessorName[] = ['trip-state', 'driver-cells', 'hourly-revenue']

/** Explains what is wrong with a choice of processors; null when it is valid. */
export function processorsProblem(chosen: readonly string[]): string | null {
  for (const { name, needs } of RIDE_PROCESSORS) {
    const missing = chosen.includes(name) ? needs.find((needed) => !chosen.includes(needed)) : undefined
    if (missing !== undefined) return `"${name}" needs "${missing}", which is not in the list`
  }
  return null
}
