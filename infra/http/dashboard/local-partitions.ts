import type { StreamsInstance } from '../../../runtime/ports/instance.ts'

/** Partitions of the store whose tasks run in this process. */
export function localPartitions(instance: Pick<StreamsInstance, 'streamsMetadataForStore'>, store: string): number[] {
  const here = instance.streamsMetadataForStore(store).filter(({ active }) => active?.isLocal === true)
  return here.map(({ partition }) => partition)
}
