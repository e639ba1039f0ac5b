import type { LogAdmin, LogReader, LogWriter, TopicPartition } from '../../../runtime/ports/log.ts'
import { CUT_HEADER } from '../../../runtime/task/dead-letter.ts'
import { partitionForKey } from '../../../runtime/task/partitioner.ts'
import { StreamsError } from '../../../state/ports/errors.ts'
import type { Header } from '../../../state/ports/headers.ts'
import { partitionName } from '../../../state/ports/topic-partition.ts'
import { requireTopics } from '../topics/require-topics.ts'
import { type DeadLetter, ERROR_HEADER_PREFIX, letterName, placeName, type RecordPlace } from './dead-letter.ts'
import { type LetterFilter, matches, readDeadLetters } from './read-dead-letters.ts'
import { appendMark, createMarksTopic, RedrivenMarks } from './redriven-marks.ts'

export const REDRIVEN_FROM = 'redriven-from'
/** The end of names of topics whose partitioner may be the topology's own: only the record's old partition is known to be right. */
const REPARTITION = '-repartition'

/** Letters of one transaction: enough to be quick, few enough to end before its timeout. */
const LETTERS_PER_COMMIT = 1000
const BYTES_PER_COMMIT = 8 * 1024 * 1024

/** Name dead letters that are there. */
export class NoSuchLetterError extends StreamsError {
  constructor(topic: string, names: readonly string[]) {
    super('NO_SUCH_LETTER', `there is no dead letter ${names.join(', ')} in ${topic}`)
  }
}

/** `letters`: as they were read before, so that the topic is not read again. */
export type LetterSelection =
  | { readonly names: readonly string[] }
  | { readonly letters: readonly DeadLetter[] }
  | { readonly all: LetterFilter }

/** The transactional id that every redrive of a dead letter topic shares: the later of two at once ends the earlier one. */
export const redriveId = (deadLetterTopic: string): string => `${deadLetterTopic}.redrive`

export interface RedriveOptions {
  readonly admin: LogAdmin
  readonly reader: () => LogReader
  /** Transactional, of redriveId(). Not used by a dry run. */
  readonly writer: LogWriter
  /** The dead letter topic. */
  readonly topic: string
  readonly select: LetterSelection
  readonly dryRun: boolean
  readonly onProgress?: ((done: number, all: number) => void) | undefined
}

/** `unknown-source`: nothing says where the record came from, or that topic is gone. `cut`: it is not the whole record. */
export type RedriveResult = 'redriven' | 'would-redrive' | 'already-redriven' | 'unknown-source' | 'cut'

export interface RedrivenLetter {
  readonly letter: string
  readonly source: string | null
  readonly key: string | null
  /** `topic-partition` it goes to; null when it goes nowhere. */
  readonly target: string | null
  readonly result: RedriveResult
}

interface Step {
  readonly letter: DeadLetter
  readonly target: TopicPartition | null
  readonly isMarked: boolean
}

/**
 * Sends dead letters back to where they came from, each once for all: the records and the marks that they were sent are
 * committed together. Order: source topic, partition, offset, so records of one key keep the order they had.
 * Throws NoSuchLetterError, MissingTopicError, and as LogWriter.commit: what was committed before stays, and the next
 * redrive goes on from there.
 */
export async function redrive(options: RedriveOptions): Promise<readonly RedrivenLetter[]> {
  const { admin, reader, writer, topic, dryRun } = options
  if (!dryRun) {
    await requireTopics(admin, [topic])
    await createMarksTopic(admin, topic)
    // Another redrive at the same moment ends here: either its marks are read below, or its commit fails.
    await writer.init()
  }
  const marks = await RedrivenMarks.read(admin, reader(), topic)
  const letters = await selectLetters(options)
  const steps = await planSteps(admin, letters, marks)
  if (!dryRun) await send(writer, topic, steps)
  return steps.map(({ letter, target, isMarked }): RedrivenLetter => {
    const result = isMarked
      ? 'already-redriven'
      : target === null
        ? isCut(letter)
          ? 'cut'
          : 'unknown-source'
        : dryRun
          ? 'would-redrive'
          : 'redriven'
    return {
      letter: letterName(letter),
      source: letter.source === null ? null : placeName(letter.source),
      key: letter.key === null ? null : letter.key.toString('utf8'),
      target: target === null ? null : partitionName(target),
      result,
    }
  })
}

async function selectLetters(options: RedriveOptions): Promise<DeadLetter[]> {
  const { select, topic } = options
  if ('letters' in select) return select.letters.map(withoutErrors).sort((a, b) => bySource(a.source, b.source))
  const wanted = 'names' in select ? new Set(select.names) : null
  const letters: DeadLetter[] = []
  await readDeadLetters({ ...options, reader: options.reader() }, (letter) => {
    const isSelected = 'names' in select ? wanted?.delete(letterName(letter)) : matches(letter, select.all)
    if (isSelected) letters.push(withoutErrors(letter))
  })
  if (wanted !== null && wanted.size > 0) throw new NoSuchLetterError(topic, [...wanted])
  return letters.sort((a, b) => bySource(a.source, b.source))
}

/** Most of a letter is what was wrong with it: many letters are held until all are known, and none of that is sent. */
function withoutErrors(letter: DeadLetter): DeadLetter {
  const headers = letter.headers.filter(({ key }) => key === CUT_HEADER || !key.startsWith(ERROR_HEADER_PREFIX))
  return { ...letter, headers }
}

function bySource(a: RecordPlace | null, b: RecordPlace | null): number {
  if (a === null || b === null) return (a === null ? 1 : 0) - (b === null ? 1 : 0)
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1
  return a.partition - b.partition || a.offset - b.offset
}

async function planSteps(admin: LogAdmin, letters: readonly DeadLetter[], marks: RedrivenMarks): Promise<Step[]> {
  const topics = await admin.describeTopics([...new Set(letters.flatMap(({ source }) => source?.topic ?? []))])
  return letters.map((letter) => {
    const { source, key } = letter
    const partitions = source === null ? 0 : (topics.get(source.topic)?.partitions ?? 0)
    if (source === null || partitions === 0 || isCut(letter))
      return { letter, target: null, isMarked: marks.has(letter) }
    const isKept = key === null || source.topic.endsWith(REPARTITION)
    const partition = isKept ? source.partition % partitions : partitionForKey(key, partitions)
    return { letter, target: { topic: source.topic, partition }, isMarked: marks.has(letter) }
  })
}

async function send(writer: LogWriter, topic: string, steps: readonly Step[]): Promise<void> {
  let batch = writer.newBatch()
  let letters = 0
  const commit = async (): Promise<void> => {
    if (letters > 0) await writer.commit({ batch, offsets: [], group: () => null })
    batch = writer.newBatch()
    letters = 0
  }
  for (const { letter, target, isMarked } of steps) {
    if (target === null || isMarked) continue
    const { key, value, timestamp } = letter
    // In the topic of dead letters the time of the failure has replaced the record's own time.
    batch.append(target.topic, target.partition, key, value, timestamp, originalHeaders(topic, letter))
    appendMark(batch, topic, letter, partitionName(target))
    letters++
    if (letters >= LETTERS_PER_COMMIT || batch.bytes >= BYTES_PER_COMMIT) await commit()
  }
  await commit()
}

/** True for the letter of a record that was sent back as `first`, and has died again. */
export function isSecondOf(letter: DeadLetter, first: DeadLetter, topic: string): boolean {
  const { partition, offset } = first
  const place = placeName({ topic, partition, offset })
  return letter.headers.some(({ key, value }) => key === REDRIVEN_FROM && value?.toString('utf8') === place)
}

const isCut = ({ headers }: DeadLetter): boolean => headers.some(({ key }) => key === CUT_HEADER)

function originalHeaders(topic: string, letter: DeadLetter): readonly Header[] {
  const own = letter.headers.filter(({ key }) => !key.startsWith(ERROR_HEADER_PREFIX) && key !== REDRIVEN_FROM)
  const { partition, offset } = letter
  return [...own, { key: REDRIVEN_FROM, value: Buffer.from(placeName({ topic, partition, offset })) }]
}
