import { createHash } from 'node:crypto'
import type { KafkaCluster } from '../../infra/kafka/kafka.ts'
import { scanSpans, spansOf } from '../../infra/streams/topics/log-scan.ts'
import type { Operator } from './operators.ts'

/** Tells outputs apart, whatever the order of their keys: equal digests are equal outputs. */
export interface OutputsDigest {
  /** Records of a stream, keys of a table. */
  readonly records: number
  readonly digest: string
}

/** Reads the whole topic. Of a table only the last value of each key counts. */
export async function digestOf(kafka: KafkaCluster, topic: string, output: Operator['output']): Promise<OutputsDigest> {
  const last = new Map<string, bigint>()
  let sum = 0n
  let records = 0
  const reader = kafka.reader({})
  try {
    for await (const part of scanSpans({ reader, spans: await spansOf(kafka.admin(), [topic]) })) {
      for (const { key, value } of part.records) {
        const hash = hashOf(key, value)
        const row = key?.toString('latin1') ?? ''
        // How many rows come and go depends on the commits.
        if (output === 'table' && value === null) last.delete(row)
        else if (output === 'table') last.set(row, hash)
        else {
          sum += hash
          records++
        }
      }
    }
  } finally {
    await reader.close()
  }
  for (const hash of last.values()) sum += hash
  return { records: records + last.size, digest: BigInt.asUintN(64, sum).toString(16) }
}

function hashOf(key: Buffer | null, value: Buffer | null): bigint {
  const hash = createHash('sha1')
  for (const part of [key, value]) hash.update(part === null ? '-' : `${part.length} `).update(part ?? '')
  return hash.digest().readBigUInt64BE(0)
}
