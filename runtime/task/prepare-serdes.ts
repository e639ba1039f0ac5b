import type { Serde, SerdeUse } from '../../state/ports/serde.ts'
import { serdeTopicOf } from '../../state/ports/store-spec.ts'
import type { PlanStore, SourceNode, Subtopology } from '../../topology/plan.ts'
import type { LogRecord } from '../ports/log.ts'

/** Prepares the serdes of what a task writes and keeps; at once when none of them needs it. @throws what a serde rejects with */
export async function prepareSerdes({ nodes, stores }: Subtopology): Promise<void> {
  for (const node of nodes) {
    if (node.type === 'sink' && typeof node.topic === 'string') await prepareTopic(node, node.topic, 'write')
    if (node.type === 'processor' && node.calls?.answers) {
      const { serde, topic } = node.calls.answers
      await serde.prepare?.(topic, 'store')
    }
  }
  await prepareStores(stores)
}

/** Prepares the serdes of stores for the rows that they hold by now. @throws what a serde rejects with */
export async function prepareStores(stores: readonly PlanStore[]): Promise<void> {
  for (const { spec, sourceTopic } of stores) {
    await prepareTopic(spec, serdeTopicOf(spec), 'store')
    // Its rows are restored from what others wrote.
    if (sourceTopic !== undefined) await prepareTopic(spec, sourceTopic, 'read')
  }
}

/** Prepares the serdes of a source for what its topics hold by now. A running task does that with each fetch instead. */
export async function prepareSource(source: SourceNode): Promise<void> {
  for (const topic of source.topics) await prepareTopic(source, topic, 'read')
}

interface Serdes {
  readonly keySerde: Serde<unknown>
  readonly valueSerde: Serde<unknown>
}

/** Prepares a pair of serdes for a topic. @throws what they reject with */
export async function prepareTopic({ keySerde, valueSerde }: Serdes, topic: string, use: SerdeUse): Promise<void> {
  await keySerde.prepare?.(topic, use)
  await valueSerde.prepare?.(topic, use)
}

/** Prepares a pair of serdes for these records of a topic; null: both can read all of them. */
export function prepareRecords(
  { keySerde, valueSerde }: Serdes,
  { topic, records }: { readonly topic: string; readonly records: readonly LogRecord[] },
): Promise<void> | null {
  const readable = records.filter(({ failure }) => failure === undefined)
  const ofKeys = preparedBy(keySerde, topic, readable, ({ key }) => key)
  const ofValues = preparedBy(valueSerde, topic, readable, ({ value }) => value)
  if (ofKeys === null || ofValues === null) return ofKeys ?? ofValues
  return Promise.all([ofKeys, ofValues]).then(() => undefined)
}

function preparedBy(
  serde: Serde<unknown>,
  topic: string,
  records: readonly LogRecord[],
  part: (record: LogRecord) => Buffer | null,
): Promise<void> | null {
  if (serde.prepareRecords === undefined) return null
  const present = records.filter((record) => part(record) !== null)
  return serde.prepareRecords(
    topic,
    present.map((record) => part(record) as Buffer),
    present.map(({ headers }) => headers),
  )
}
