import type {
  Cause,
  HowKnown,
  Shown,
  ShownRecord,
  Step,
  StoreRow,
  Visit,
  WrittenRecord,
} from '../infra/streams/causes/index.ts'
import { counted } from '../state/index.ts'
import { printLine, printTable } from './output.ts'

export interface CauseViewOptions {
  /** All steps that followed from the input record. */
  readonly all?: boolean
  /** Long values as they are. */
  readonly full?: boolean
}

/** Columns when stdout is no terminal. */
const COLUMNS = 120
const LEAST_COLUMNS = 20

/** Prints the record, its cause, and the way from one to the other. */
export function printCause(cause: Cause, options: CauseViewOptions): void {
  new CauseView(cause, options).print()
}

/** The one line that says why nothing was found. */
export function unknownCause({ how, record, processed, missingAnswers }: Cause): string {
  const what = `${counted(processed, 'input record')} ${processed === 1 ? 'was' : 'were'} processed again, and`
  if (how !== null) return `${what} the one that caused ${nameOf(record)} is not in the log any more`
  const lost = missingAnswers
    .map(({ node, calls }) => ` (of ${node}, ${counted(calls, 'answer')} not recorded)`)
    .join('')
  return `${what} none gives ${nameOf(record)}${lost}: see "What it cannot know" in docs/why.md`
}

const HOW: Readonly<Record<HowKnown, string>> = {
  'is-input': 'it is an input record; this is what it did',
  named: 'its headers name the input record',
  same: 'this input record gives the same record again',
  'other-time': 'this input record gives the same key and value, with another time',
  'read-again': 'this input record sends on the record that died',
  'other-value': 'this input record gives another value at the same key and time',
}

class CauseView {
  readonly #cause: Cause
  readonly #options: CauseViewOptions

  constructor(cause: Cause, options: CauseViewOptions) {
    this.#cause = cause
    this.#options = options
  }

  print(): void {
    const { record, role, death, input, chain, path, how, alike, gone, processed } = this.#cause
    printLine(`${nameOf(record)}  ${role}, ${timeOf(record.timestamp)}`)
    this.#printRecord(record)
    if (death !== null) printLine(`  died    ${death.reason}: ${death.message}`)
    if (chain === null || input === null || how === null) return
    printLine()
    if (how === 'is-input') printLine('What it did:')
    else {
      printLine(`Caused by ${nameOf(input)}  ${timeOf(input.timestamp)}`)
      this.#printRecord(input)
      printLine(
        `  (${HOW[how]}${alike === null || alike.of < 2 ? '' : `; it is number ${alike.number} of ${alike.of} that do`})`,
      )
    }
    const shownSteps = this.#options.all ? chain.steps.map((_, index) => index) : path
    for (const index of shownSteps) this.#printStep(chain.steps[index] as Step, index)
    this.#printRows(shownSteps.map((index) => chain.steps[index] as Step))
    const left = chain.steps.length - shownSteps.length
    printLine()
    if (left > 0) printLine(`${counted(left, 'more step')} followed from the input record: --all shows them`)
    for (const { topic, partition, below } of gone)
      printLine(`${topic}:${partition} has lost its records below ${below}: the stores are rebuilt without them`)
    this.#printOutcome()
    this.#printLimits()
    printLine(`${counted(processed, 'input record')} processed again; nothing was changed`)
  }

  /** Says what it means when the outcome is not the one in the log. */
  #printOutcome(): void {
    const { how, role, record, chain, path } = this.#cause
    if (how === 'other-value')
      printLine(
        `the log has another value: ${this.#text(record.value)}. Other code wrote it, or records of several partitions came in another order`,
      )
    if (role !== 'dead-letter' || chain === null) return
    const died = path.some((index) => (chain.steps[index] as Step).error !== null)
    if (!died) printLine('with this code the record does not become a dead letter')
  }

  /** Says where the rebuild may differ from what the application did. */
  #printLimits(): void {
    const { missingAnswers, order, globalTables, clocks } = this.#cause
    for (const { node, calls } of missingAnswers)
      printLine(`${node}: ${counted(calls, 'answer')} not recorded; what followed is left out of the stores`)
    if (order === 'timestamps')
      printLine(
        'a task reads several partitions: the smallest timestamp went first, as in an application that keeps up',
      )
    if (globalTables.length > 0)
      printLine(`global tables have the rows of now, not those of then: ${globalTables.join(', ')}`)
    if (clocks.length > 0) printLine(`punctuators by wall-clock time did not fire: ${clocks.join(', ')}`)
  }

  #printRecord({ key, value, headers }: ShownRecord): void {
    printLine(`  key     ${this.#text(key)}`)
    printLine(`  value   ${this.#text(value)}`)
    for (const [name, header] of Object.entries(headers))
      if (!name.startsWith('__streams.errors.')) printLine(`  header  ${name}: ${this.#text(header)}`)
  }

  #printStep(step: Step, index: number): void {
    const { visits, wrote, error, notes } = step
    printLine()
    printLine(`${index + 1}  task ${whatDid(step)}`)
    for (const visit of visits) this.#printVisit(visit, 1)
    for (const written of wrote) this.#printWritten(written, 1)
    for (const note of notes) printLine(this.#cut(`   ${note}`))
    if (error !== null) printLine(`   it was left out, and nothing of it stayed: ${error}`)
  }

  #printVisit(visit: Visit, depth: number): void {
    const { operator, because, key, value, accesses, visits, wrote, dropped, error } = visit
    const indent = '   '.repeat(depth)
    const given = because === null ? '' : ` because ${because}`
    const what = because !== null && key === null && value === null ? '' : `  ${text(key)} = ${text(value)}`
    printLine(this.#cut(`${indent}${operator}${given}${what}`))
    for (const { store, did, key: row, before, after } of accesses) {
      const change = did === 'read' ? text(after) : `${text(before)} -> ${text(after)}`
      printLine(this.#cut(`${indent}   ${did === 'read' ? 'read ' : 'wrote'} ${store} ${text(row)}: ${change}`))
    }
    for (const reason of dropped) printLine(`${indent}   dropped: ${reason}`)
    for (const inner of visits) this.#printVisit(inner, depth + 1)
    for (const written of wrote) this.#printWritten(written, depth + 1)
    if (error !== null) printLine(`${indent}   threw: ${error}`)
  }

  #printWritten({ topic, partition, key, value, isAskedFor, next }: WrittenRecord, depth: number): void {
    const note = isAskedFor === true ? '   <- this record' : next === undefined ? '' : `   (step ${next + 1})`
    const line = `${'   '.repeat(depth)}-> ${topic}:${partition}  ${text(key)} = ${text(value)}`
    printLine(`${this.#cut(line, note.length)}${note}`)
  }

  /** Each row as it was before the first of the steps and after the last. */
  #printRows(steps: readonly Step[]): void {
    const rows = new Map<string, StoreRow>()
    for (const row of steps.flatMap((step) => step.rows)) {
      const name = `${row.store} ${text(row.key)}`
      const known = rows.get(name)
      rows.set(
        name,
        known === undefined ? row : { ...row, before: known.before, isWritten: row.isWritten || known.isWritten },
      )
    }
    if (rows.size === 0) return
    printLine()
    const columns = Math.max(LEAST_COLUMNS, Math.floor((this.#width - 40) / 2))
    const shown = [...rows.values()].map(({ store, key, before, after, isWritten }) => {
      const isLong = Math.max(text(before).length, text(after).length) > columns
      const [was, is] = isWritten && isLong && this.#options.full !== true ? differing(before, after) : [before, after]
      const cell = (value: Shown): string => this.#cut(text(value), 0, columns)
      return { store, key: cell(key), before: cell(was), after: isWritten ? cell(is) : 'unchanged' }
    })
    printTable(shown, [
      { head: 'STORE', value: ({ store }) => store },
      { head: 'KEY', value: ({ key }) => key },
      { head: 'BEFORE', value: ({ before }) => before },
      { head: 'AFTER', value: ({ after }) => after },
    ])
  }

  get #width(): number {
    return process.stdout.columns ?? COLUMNS
  }

  #text(value: Shown): string {
    return this.#cut(text(value), 10)
  }

  #cut(line: string, taken = 0, columns = this.#width): string {
    const room = Math.max(LEAST_COLUMNS, columns - taken)
    return this.#options.full === true || line.length <= room ? line : `${line.slice(0, room - 1)}…`
  }
}

function whatDid({ taskId, from, record, answerOf }: Step): string {
  if (answerOf !== null) return `${taskId} processed what ${answerOf} answered to step ${(from ?? 0) + 1}`
  const what = from === null ? nameOf(record) : `what step ${from + 1} wrote to ${record.topic}:${record.partition}`
  return `${taskId} processed ${what}`
}

const nameOf = ({ topic, partition, offset }: ShownRecord): string => `${topic}:${partition}:${offset}`

const timeOf = (timestamp: number): string =>
  Math.abs(timestamp) <= 8.64e15 ? new Date(timestamp).toISOString() : String(timestamp)

/** Text as it is, and all else as JSON. */
function text(value: Shown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** The two without what is the same in both. */
function differing(before: Shown, after: Shown): readonly [Shown, Shown] {
  if (!isObject(before) || !isObject(after)) return [before, after]
  const pairs = [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .map((name) => [name, before[name] ?? null, after[name] ?? null] as const)
    .filter(([, was, is]) => JSON.stringify(was) !== JSON.stringify(is))
    .map(([name, was, is]) => [name, ...differing(was, is)] as const)
  return [
    Object.fromEntries(pairs.map(([name, was]) => [name, was])),
    Object.fromEntries(pairs.map(([name, , is]) => [name, is])),
  ]
}

function isObject(value: Shown): value is { readonly [name: string]: Shown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
