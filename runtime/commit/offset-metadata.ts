/*
 * The opaque string that is committed with a source partition's offset: what a task must remember beyond its stores.
 * `<partition time>`, or `<partition time> <JSON of the task's marks>` (TaskMarks), the same marks on each of its partitions.
 */
export interface OffsetMetadata {
  /** Greatest timestamp processed of the partition, epoch ms; -1 when unknown. */
  readonly partitionTime: number
  /** The task's marks. */
  readonly numbers: ReadonlyMap<string, number>
}

export function encodeOffsetMetadata({ partitionTime, numbers }: OffsetMetadata): string {
  return numbers.size === 0
    ? String(partitionTime)
    : `${partitionTime} ${JSON.stringify(Object.fromEntries(numbers.entries()))}`
}

/** Metadata of other programs (a reset tool, say) counts as none. */
export function decodeOffsetMetadata(metadata: string): OffsetMetadata {
  const space = metadata.indexOf(' ')
  const time = space === -1 ? metadata : metadata.slice(0, space)
  if (!/^-?\d{1,16}$/.test(time)) return { partitionTime: -1, numbers: new Map() }
  return { partitionTime: Number(time), numbers: space === -1 ? new Map() : decodeNumbers(metadata.slice(space + 1)) }
}

function decodeNumbers(json: string): Map<string, number> {
  const numbers = new Map<string, number>()
  try {
    const decoded: unknown = JSON.parse(json)
    if (typeof decoded !== 'object' || decoded === null) return numbers
    for (const [key, value] of Object.entries(decoded)) if (typeof value === 'number') numbers.set(key, value)
  } catch {
    // Not ours.
  }
  return numbers
}
