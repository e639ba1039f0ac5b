import type { Topology } from '../topology.ts'
import type { ProcessOptions } from './types.ts'

/** Connects a processor to stores of the builder by name, and adds the stores it brings along. */
export function connectStores(
  topology: Topology,
  processor: string,
  stores: NonNullable<ProcessOptions['stores']>,
): void {
  for (const store of stores)
    if (typeof store === 'string') topology.connectProcessorAndStateStores(processor, [store])
    else topology.addStateStore(store, [processor])
}
