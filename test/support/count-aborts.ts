import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'

// Record batch v2, as it lies on disk (Kafka protocol guide, "Record Batch").
const BATCH_LENGTH = 8
const LENGTH_END = 12
const ATTRIBUTES = 21
const PRODUCER_ID = 43
const PRODUCER_EPOCH = 51
const RECORDS = 61
/** Behind five one-byte varints: length, attributes, timestamp delta, offset delta, key length. */
const CONTROL_KEY = RECORDS + 5
const IS_CONTROL = 0x20
const ABORT = 0

/**
 * Number of aborted transactions that left a marker in the partitions of these topics, read from the broker's own segment
 * files: independent of any client. Each abort has its own (producer id, epoch).
 */
export async function countAborts(dataDir: string, topics: readonly string[]): Promise<number> {
  const aborts = new Set<string>()
  for (const directory of await readdir(dataDir)) {
    if (!topics.some((topic) => directory.startsWith(`${topic}-`) && /^\d+$/.test(directory.slice(topic.length + 1))))
      continue
    for (const file of await readdir(join(dataDir, directory))) {
      if (!file.endsWith('.log')) continue
      const bytes = await readFile(join(dataDir, directory, file))
      for (let at = 0; at + RECORDS <= bytes.length; ) {
        const end = at + LENGTH_END + bytes.readInt32BE(at + BATCH_LENGTH)
        if (end > bytes.length || end <= at + LENGTH_END) break
        const isControl = (bytes.readInt16BE(at + ATTRIBUTES) & IS_CONTROL) !== 0
        if (isControl && bytes.readInt16BE(at + CONTROL_KEY + 2) === ABORT) {
          aborts.add(`${bytes.readBigInt64BE(at + PRODUCER_ID)}:${bytes.readInt16BE(at + PRODUCER_EPOCH)}`)
        }
        at = end
      }
    }
  }
  return aborts.size
}
