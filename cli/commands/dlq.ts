import { type Command, InvalidArgumentError } from 'commander'
import type { DeadLetter, RedrivenLetter, ShownBytes } from '../../infra/streams/dead-letters/index.ts'
import { newCommand, wholeNumber } from '../command.ts'
import type { Column } from '../output.ts'
import { newTargetCommand, type Target, type TargetOptions, type Targets } from '../target.ts'

interface FilterOptions extends TargetOptions {
  readonly topic?: string
  readonly reason?: string
}

interface ListOptions extends FilterOptions {
  readonly limit: number
}

interface RedriveOptions extends FilterOptions {
  readonly all?: true
  readonly dryRun?: true
}

const DEFAULT_LIMIT = 20
const MESSAGE_COLUMNS = 60
const BY_TOPIC = ['--topic <topic>', 'only from that source topic'] as const
const BY_REASON = ['--reason <text>', 'only with that text in reason, exception or message'] as const

export function dlqCommand(targets: Targets): Command {
  const dlq = newCommand('dlq', 'dead letters: records that could not be read or processed')
  dlq.addCommand(
    newTargetCommand('list', 'the newest dead letters, newest last')
      .option('--limit <n>', 'how many; 0 = all', wholeNumber(0, 1e9), DEFAULT_LIMIT)
      .option(...BY_TOPIC)
      .option(...BY_REASON)
      .action(async (options: ListOptions) => list(targets, options)),
  )
  dlq.addCommand(
    newTargetCommand('show', 'one dead letter: headers, key and value')
      .argument('<partition:offset>', 'as dlq list prints it', parseName)
      .action(async (name: string, options: TargetOptions) => show(targets, name, options)),
  )
  dlq.addCommand(
    newTargetCommand('redrive', 'send dead letters back to their source topics, each once')
      .argument('[partition:offset...]', 'as dlq list prints them', (text, before: readonly string[] = []) => [
        ...before,
        parseName(text),
      ])
      .option('--all', 'all that were not sent back yet')
      .option(...BY_TOPIC)
      .option(...BY_REASON)
      .option('--dry-run', 'only say what would be sent')
      .action(async (names: readonly string[], options: RedriveOptions, command: Command) =>
        redrive(targets, { names, options, command }),
      ),
  )
  return dlq
}

function parseName(text: string): string {
  if (!/^\d{1,10}:\d{1,16}$/.test(text)) throw new InvalidArgumentError('Expected PARTITION:OFFSET, like 0:17.')
  return text.split(':').map(Number).join(':')
}

interface ListedLetter {
  readonly letter: string
  readonly diedAt: string
  readonly source: string | null
  readonly key: string | null
  readonly reason: string | null
  readonly exception: string
  readonly message: string
  readonly redriven: boolean
}

const LIST_COLUMNS: readonly Column<ListedLetter>[] = [
  { head: 'LETTER', value: ({ letter }) => letter },
  { head: 'SOURCE', value: (row) => row.source ?? '-' },
  { head: 'REASON', value: ({ reason, exception }) => reason ?? exception },
  { head: 'MESSAGE', value: ({ message }) => cut(message, MESSAGE_COLUMNS) },
  { head: '', value: ({ redriven }) => (redriven ? 'redriven' : '') },
]

/** Letters are printed as they are read: there may be more than fit in memory. */
async function list(targets: Targets, options: ListOptions): Promise<void> {
  const { limit, topic: source, reason, json } = options
  const { letterName, matches, placeName, readLettersByTime, RedrivenMarks } = await import(
    '../../infra/streams/dead-letters/index.ts'
  )
  const { printRows, RowPrinter } = await import('../output.ts')

  const printer = limit === 0 ? new RowPrinter(LIST_COLUMNS, json ?? false) : null
  const newest: ListedLetter[] = []
  await withLetters(await targets.load(options), async ({ admin, reader, topic, onProgress }) => {
    const marks = await RedrivenMarks.read(admin, reader(), topic)
    const reading = { admin, reader: reader(), topic, ...(printer === null && { onProgress }) }
    await readLettersByTime(reading, (letter) => {
      if (!matches(letter, { topic: source, reason })) return
      const row: ListedLetter = {
        letter: letterName(letter),
        diedAt: new Date(letter.timestamp).toISOString(),
        source: letter.source === null ? null : placeName(letter.source),
        key: letter.key === null ? null : letter.key.toString('utf8'),
        reason: letter.reason === '' ? null : letter.reason,
        exception: letter.exception,
        message: letter.message,
        redriven: marks.has(letter),
      }
      if (printer !== null) printer.add(row)
      else newest.push(row)
      if (printer === null && newest.length > 2 * limit) newest.splice(0, newest.length - limit)
    })
  })
  if (printer !== null) printer.end()
  else printRows(newest.slice(-limit), LIST_COLUMNS, json ?? false)
}

async function show(targets: Targets, name: string, options: TargetOptions): Promise<void> {
  const { letterName, letterView, NoSuchLetterError, readDeadLetters } = await import(
    '../../infra/streams/dead-letters/index.ts'
  )
  const { printJson, printLine } = await import('../output.ts')

  const letter = await withLetters(await targets.load(options), async ({ admin, reader, topic, onProgress }) => {
    const found: DeadLetter[] = []
    await readDeadLetters({ admin, reader: reader(), topic, onProgress }, (one) => {
      if (letterName(one) === name) found.push(one)
    })
    if (found[0] === undefined) throw new NoSuchLetterError(topic, [name])
    return found[0]
  })
  const { source: _, ...shown } = letterView(letter)
  if (options.json) {
    printJson(shown)
    return
  }
  const text = (bytes: ShownBytes): string => bytes.text ?? (bytes.hex === undefined ? 'null' : `hex ${bytes.hex}`)
  printLine(`letter  ${name}`)
  printLine(`died at ${shown.diedAt}`)
  for (const header of shown.headers) printLine(`header  ${header.key}: ${text(header)}`)
  printLine(`key     ${text(shown.key)}`)
  printLine(`value   ${text(shown.value)}`)
}

interface Redriving {
  readonly names: readonly string[]
  readonly options: RedriveOptions
  readonly command: Command
}

async function redrive(targets: Targets, { names, options, command }: Redriving): Promise<void> {
  const { all = false, dryRun = false, topic: source, reason, json = false } = options
  if (all === names.length > 0) command.error('error: name dead letters as PARTITION:OFFSET, or --all')
  if (!all && (source !== undefined || reason !== undefined)) {
    command.error('error: --topic and --reason choose among --all')
  }
  const { redrive: redriveLetters, redriveId } = await import('../../infra/streams/dead-letters/index.ts')
  const { printRows } = await import('../output.ts')

  const select = all ? { all: { topic: source, reason } } : { names }
  const rows = await withLetters(await targets.load(options), ({ admin, reader, writer, topic, onProgress }) =>
    redriveLetters({ admin, reader, writer: writer(redriveId(topic)), topic, select, dryRun, onProgress }),
  )
  printRows(
    rows,
    [
      { head: 'LETTER', value: ({ letter }) => letter },
      { head: 'SOURCE', value: (row) => row.source ?? '-' },
      { head: 'KEY', value: ({ key }) => cut(key ?? '-', MESSAGE_COLUMNS) },
      { head: 'TO', value: ({ target }) => target ?? '-' },
      { head: 'RESULT', value: resultText },
    ],
    json,
  )
}

const resultText = ({ result }: RedrivenLetter): string => result.replace('-', ' ')

type LetterClients = import('../kafka-clients.ts').LogClients & {
  readonly topic: string
  readonly onProgress: (done: number, all: number) => void
}

/** Opens clients of the target's cluster and its dead letter topic, with a bar while it is read. */
async function withLetters<T>({ config }: Target, work: (clients: LetterClients) => Promise<T>): Promise<T> {
  const { deadLetterTopic } = await import('../../topology/index.ts')
  const { withKafka } = await import('../kafka-clients.ts')
  const { progressBar } = await import('../progress.ts')

  const topic = deadLetterTopic(config.applicationId)
  const progress = progressBar('reading dead letters')
  return withKafka(config, (clients) => work({ ...clients, topic, onProgress: progress.update })).finally(progress.stop)
}

function cut(text: string, columns: number): string {
  const line = text.replace(/\s+/g, ' ')
  return line.length > columns ? `${line.slice(0, columns - 1)}…` : line
}
