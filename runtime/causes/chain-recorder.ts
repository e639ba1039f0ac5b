import { messageOf } from '../../state/ports/errors.ts'
import { partitionKey, type TopicPartition } from '../../state/ports/topic-partition.ts'
import type { StreamRecord } from '../../topology/record.ts'
import type { RebuiltRecord, StepInput, StepWatch } from '../replay/rebuild-options.ts'
import { PoisonedRecordError } from '../task/poisoned-records.ts'
import type { Chain, Step, StoreRow, Visit, WrittenRecord } from './chain.ts'
import type { RecordText } from './record-text.ts'
import { shown } from './shown-value.ts'

/** A chain with the records that were written in it, as they are. */
export interface RecordedChain {
  readonly chain: Chain
  readonly root: StepInput
  readonly written: ReadonlyArray<readonly [RebuiltRecord, WrittenRecord, Step]>
  /** The error that ended it; null: it came to its end. */
  readonly failure: { readonly error: unknown } | null
}

export interface ChainRecorderOptions {
  readonly text: RecordText
  /** Chains of other input records are not recorded. */
  readonly wants: (input: StepInput) => boolean
  /** Called when all that followed from an input record is processed. */
  readonly onChain: (recorded: RecordedChain) => void
}

interface OpenChain {
  readonly root: StepInput
  readonly steps: Step[]
  readonly written: (readonly [RebuiltRecord, WrittenRecord, Step])[]
  /** Records in repartition topics that no step has processed yet. */
  waiting: number
  failure: { readonly error: unknown } | null
}

interface OpenStep {
  readonly chain: OpenChain
  readonly step: Step
  readonly input: StepInput
  readonly visits: Visit[]
  readonly rows: Map<string, StoreRow>
  readonly written: (readonly [RebuiltRecord, WrittenRecord])[]
}

/*
 * Owns what is recorded of the steps of a rebuild.
 * 1. A chain begins with an input record. What a step of it writes to a repartition topic continues the same chain.
 * 2. Values are copied at the moment they are seen: whoever changes one later does not change what is recorded.
 * 3. A record that throws and is then left out is one step, with what it did until then. So is an answer.
 * 4. A call belongs to the step that asked. A chain whose answers are still to come goes on.
 */
export class ChainRecorder implements StepWatch {
  readonly #options: ChainRecorderOptions
  /** Repartition records that are still to be processed: the chain, and the step that wrote each. */
  readonly #origins = new Map<
    string,
    { readonly chain: OpenChain; readonly from: number; readonly as: WrittenRecord }
  >()
  /** Calls of the open chain: the step that asked. */
  readonly #asked = new Map<string, { readonly chain: OpenChain; readonly from: number }>()
  /** The step that threw, until the same record comes again. */
  #thrown: OpenStep | null = null
  #open: OpenStep | null = null

  constructor(options: ChainRecorderOptions) {
    this.#options = options
  }

  /** Operators with punctuators by wall-clock time, which never fire here. */
  readonly clocks = new Set<string>()

  get isOn(): boolean {
    return this.#open !== null
  }

  // StepWatch

  begin(input: StepInput): void {
    const again = this.#thrown
    this.#thrown = null
    if (
      again !== null &&
      again.input.raw.offset === input.raw.offset &&
      again.input.call === input.call &&
      partitionKey(again.input) === partitionKey(input)
    ) {
      this.#open = again
      return
    }
    if (input.call === null) this.#beginRecord(input)
    else this.#beginAnswer(input, input.call)
  }

  #beginRecord(input: StepInput): void {
    const place = placeOf(input, input.raw.offset)
    const origin = this.#origins.get(place) ?? null
    this.#origins.delete(place)
    if (origin === null && !this.#options.wants(input)) return
    const chain = origin?.chain ?? { root: input, steps: [], written: [], waiting: 0, failure: null }
    if (origin !== null) {
      chain.waiting--
      origin.as.next = chain.steps.length
    }
    const record = this.#options.text.input(input, origin === null)
    this.#openStep(chain, input, { from: origin?.from ?? null, record, answerOf: null })
  }

  #beginAnswer(input: StepInput, call: string): void {
    const asked = this.#asked.get(callAt(input.taskId, input, input.raw.offset, call))
    const before = asked?.chain.steps[asked.from]
    if (asked === undefined || before === undefined) return
    const answerOf = call.slice(0, call.lastIndexOf('#'))
    this.#openStep(asked.chain, input, { from: asked.from, record: before.record, answerOf })
  }

  #openStep(chain: OpenChain, input: StepInput, how: Pick<Step, 'from' | 'record' | 'answerOf'>): void {
    const error = input.fault === null ? null : faultText(input.fault)
    const step: Step = { ...how, taskId: input.taskId, visits: [], wrote: [], rows: [], notes: [], error }
    chain.steps.push(step)
    this.#open = { chain, step, input, visits: [], rows: new Map(), written: [] }
  }

  wrote(record: RebuiltRecord): void {
    const open = this.#open
    if (open === null) return
    const written: WrittenRecord = { ...this.#options.text.written(record) }
    const { wrote } = open.visits.at(-1) ?? open.step
    wrote.push(written)
    open.written.push([record, written])
  }

  end(failure: { readonly error: unknown } | null, hasAnswers: boolean): void {
    const open = this.#open
    this.#open = null
    if (open === null) return
    const { chain, step } = open
    if (failure !== null) {
      step.error = failureText(failure.error)
      chain.failure = failure
      // Nothing of it stays. What it did until then is still worth seeing.
      open.written.length = 0
      for (const [name, row] of open.rows) open.rows.set(name, { ...row, after: row.before, isWritten: false })
      step.rows = [...open.rows.values()]
      this.#thrown = open
      return
    }
    step.rows = [...open.rows.values()]
    chain.failure = null
    if (step.answerOf !== null && isEmptyStep(step)) chain.steps.splice(chain.steps.indexOf(step), 1)
    for (const [record, written] of open.written) {
      chain.written.push([record, written, step])
      if (record.offset === null) continue
      chain.waiting++
      const from = chain.steps.indexOf(step)
      this.#origins.set(placeOf(record, record.offset), { chain, from, as: written })
    }
    if (chain.waiting > 0 || hasAnswers) return
    this.#asked.clear()
    this.#options.onChain(recordedChain(chain))
  }

  /** The chain whose last step threw, when nothing follows any more. */
  giveUp(): RecordedChain | null {
    return this.#thrown === null ? null : recordedChain(this.#thrown.chain)
  }

  // TracedProcessor

  visit<T>(operator: string, because: string | null, given: StreamRecord<unknown, unknown> | null, work: () => T): T {
    const open = this.#open
    if (open === null) return work()
    const visit: Visit = {
      operator,
      because,
      key: shown(given?.key),
      value: shown(given?.value),
      timestamp: given?.timestamp ?? -1,
      accesses: [],
      visits: [],
      wrote: [],
      dropped: [],
      error: null,
    }
    const parent = open.visits.at(-1) ?? open.step
    parent.visits.push(visit)
    open.visits.push(visit)
    try {
      return work()
    } catch (error) {
      // The innermost one threw it.
      if (open.visits.at(-1) === visit && !visit.visits.some((inner) => inner.error !== null))
        visit.error = messageOf(error)
      throw error
    } finally {
      if (open.visits.at(-1) === visit) open.visits.pop()
      // Each commit asks all that gather. Most of them have nothing.
      if (because !== null && isIdle(visit)) parent.visits.splice(parent.visits.indexOf(visit), 1)
    }
  }

  read(store: string, key: unknown, row: unknown): void {
    this.#access(store, 'read', key, row, row)
  }

  wroteRow(store: string, key: unknown, before: unknown, after: unknown): void {
    this.#access(store, 'wrote', key, before, after)
  }

  /** The open step made that call. */
  asked(taskId: string, at: TopicPartition & { readonly offset: number }, call: string): void {
    const open = this.#open
    if (open === null) return
    this.#asked.set(callAt(taskId, at, at.offset, call), {
      chain: open.chain,
      from: open.chain.steps.indexOf(open.step),
    })
  }

  /** Something that is known of a call of the open step. */
  note(what: string): void {
    this.#open?.step.notes.push(what)
  }

  dropped(reason: string): void {
    this.#open?.visits.at(-1)?.dropped.push(reason)
  }

  #access(store: string, did: 'read' | 'wrote', key: unknown, before: unknown, after: unknown): void {
    const open = this.#open
    if (open === null) return
    const access = { store, did, key: shown(key), before: shown(before), after: shown(after) }
    open.visits.at(-1)?.accesses.push(access)
    const row = `${store}\u0000${JSON.stringify(access.key)}`
    const known = open.rows.get(row)
    open.rows.set(row, {
      store,
      key: access.key,
      before: known === undefined ? access.before : known.before,
      after: did === 'wrote' || known === undefined ? access.after : known.after,
      isWritten: did === 'wrote' || known?.isWritten === true,
    })
  }
}

function recordedChain({ steps, root, written, failure }: OpenChain): RecordedChain {
  return { chain: { steps }, root, written, failure }
}

function callAt(taskId: string, at: TopicPartition, offset: number, call: string): string {
  return `${taskId} ${placeOf(at, offset)} ${call}`
}

function placeOf(at: { readonly topic: string; readonly partition: number }, offset: number): string {
  return `${partitionKey(at)}:${offset}`
}

/** The offset that a PoisonedRecordError names may be one of the rebuild. */
function failureText(error: unknown): string {
  const { cause } = error instanceof PoisonedRecordError ? error : { cause: error }
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause)
}

function isIdle({ accesses, visits, wrote, dropped, error }: Visit): boolean {
  return accesses.length + visits.length + wrote.length + dropped.length === 0 && error === null
}

function isEmptyStep({ visits, wrote, rows, error }: Step): boolean {
  return visits.length + wrote.length + rows.length === 0 && error === null
}

function faultText(fault: NonNullable<StepInput['fault']>): string {
  return fault.type === 'invalid' ? messageOf(fault.error) : `dropped: ${fault.reason}`
}
