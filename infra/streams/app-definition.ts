import type { ExceptionHandlerFunction } from '../../runtime/instance/streams-config.ts'
import type { StoreViews } from '../../runtime/queries/store-reads.ts'
import type { DescribeRecord } from '../../runtime/task/record-description.ts'
import { StreamsConfigError, StreamsTopologyError } from '../../state/ports/errors.ts'
import { shownKind } from '../../state/ports/serde.ts'
import { isThenable } from '../../state/ports/thenable.ts'
import type { Plan } from '../../topology/plan.ts'
import type { ReplayRules } from '../../topology/replay-rule.ts'
import { Topology } from '../../topology/topology.ts'

/**
 * An application as every thread can build it for itself: functions do not cross worker borders, so a module does.
 */
export interface AppDefinition {
  /**
   * URL of a module that exports a Topology named `topology`, or a function `buildPlan(options)` for one that depends on options; also
   * `views` when queries want JSON, `describeRecord` when log lines are to name bad records by more than topic, partition and offset, and
   * `replayRules` when the command `replay` is to judge stores or outputs that are no plain tables.
   */
  readonly module: string
  /** Plain data for buildPlan. */
  readonly options: unknown
}

interface AppModule {
  readonly topology?: Topology
  buildPlan?(options: unknown): unknown
  readonly views?: StoreViews
  readonly describeRecord?: DescribeRecord
  readonly replayRules?: ReplayRules
  readonly exceptionHandlers?: ExceptionHandlers
}

/** Exception handlers that are functions, of a topology that runs in worker threads: functions do not cross threads. */
export interface ExceptionHandlers {
  readonly deserialization?: ExceptionHandlerFunction
  readonly processing?: ExceptionHandlerFunction
  readonly production?: ExceptionHandlerFunction
}

/** The parts of the module that a thread uses. An application that is loaded already runs in this thread. */
export interface LoadedApp extends Omit<AppModule, 'buildPlan' | 'topology'> {
  readonly plan: Plan
}

/** Plain data for buildPlan; the id is what a module's topology is built for. */
type AppOptions = { readonly applicationId?: unknown } | null | undefined

/**
 * Loads the module and builds the plan.
 * @throws StreamsConfigError when the module cannot be found that way, exports no topology or buildPlan, or when that returns no Plan;
 * StreamsTopologyError for a topology that reads nothing
 */
export async function loadApp({ module: url, options }: AppDefinition): Promise<LoadedApp> {
  const { topology, buildPlan, views, describeRecord, exceptionHandlers, replayRules } = await loadModule(url)
  const plan = topology === undefined ? buildPlan?.(options) : topology.build({ applicationId: idIn(url, options) })
  if (isThenable(plan))
    throw new StreamsConfigError(`buildPlan of ${url} returned a promise, it must return the Plan itself`)
  if (plan instanceof Topology)
    throw new StreamsConfigError(
      `buildPlan of ${url} returned a Topology, it must return topology.build({ applicationId })`,
    )
  if (!isPlan(plan)) throw new StreamsConfigError(`buildPlan of ${url} must return a Plan, not ${shownKind(plan)}`)
  refuseEmpty(plan, `the topology of ${url}`)
  return {
    plan,
    ...(views && { views }),
    ...(describeRecord && { describeRecord }),
    ...(exceptionHandlers && { exceptionHandlers }),
    ...(replayRules && { replayRules }),
  }
}

function idIn(url: string, options: unknown): string {
  const applicationId = (options as AppOptions)?.applicationId
  if (typeof applicationId === 'string') return applicationId
  throw new StreamsConfigError(`the topology of ${url} needs options with an applicationId`)
}

async function loadModule(url: string): Promise<AppModule> {
  if (!URL.canParse(url))
    throw new StreamsConfigError(
      `module "${url}" is not a URL: give import.meta.url, or new URL('./file.js', import.meta.url).href`,
    )
  const module: unknown = await import(url)
  const { topology } = module as { readonly topology?: unknown }
  if (topology !== undefined && !(topology instanceof Topology)) {
    const problem = isForeign(topology)
      ? 'comes from another copy of ride-streams: run the one that it imports'
      : `must be a Topology, not ${shownKind(topology)}`
    throw new StreamsConfigError(`topology of ${url} ${problem}`)
  }
  if (topology === undefined && !has(module, 'buildPlan', ['function']))
    throw new StreamsConfigError(
      `${url} exports no topology (export const topology = builder.build()), and no function buildPlan`,
    )
  if (!has(module, 'describeRecord', ['function', 'undefined']))
    throw new StreamsConfigError(`describeRecord of ${url} must be a function`)
  refuseOddHandlers(url, (module as { readonly exceptionHandlers?: unknown }).exceptionHandlers)
  checkReplayRules(url, (module as AppModule).replayRules)
  return module as AppModule
}

function refuseOddHandlers(url: string, handlers: unknown): void {
  if (handlers === undefined) return
  const isObject = typeof handlers === 'object' && handlers !== null
  for (const [stage, handler] of isObject ? Object.entries(handlers) : [['it', handlers]]) {
    if (['deserialization', 'processing', 'production'].includes(String(stage)) && typeof handler === 'function')
      continue
    throw new StreamsConfigError(
      `exceptionHandlers of ${url} must hold functions named deserialization, processing or production, not ${stage}`,
    )
  }
}

function checkReplayRules(url: string, rules: unknown): void {
  if (rules === undefined) return
  for (const kind of ['stores', 'outputs'] as const) {
    const given: unknown = typeof rules === 'object' && rules !== null ? Reflect.get(rules, kind) : null
    if (typeof given !== 'object' || given === null)
      throw new StreamsConfigError(`replayRules of ${url} must be an object with stores and outputs`)
    for (const [name, rule] of Object.entries(given)) {
      if (typeof Reflect.get(Object(rule), 'correction') !== 'function')
        throw new StreamsConfigError(`replayRules of ${url}: the rule of ${name} has no function correction`)
    }
  }
}

/** Its errors and stores would be of classes that nobody here knows. */
function isForeign(topology: unknown): boolean {
  return typeof topology === 'object' && topology !== null && topology.constructor.name === Topology.name
}

function has(module: unknown, name: keyof AppModule, types: readonly string[]): boolean {
  return typeof module === 'object' && module !== null && types.includes(typeof Reflect.get(module, name))
}

/** @throws StreamsTopologyError for a plan that reads nothing: it would be RUNNING and do nothing for ever */
export function refuseEmpty({ subtopologies, globalStores = [], withTopics }: Plan, what = 'the topology'): void {
  if (subtopologies.length > 0 || globalStores.length > 0 || withTopics !== undefined) return
  throw new StreamsTopologyError(`${what} reads no topic: it needs a stream, a table or a global table`)
}

function isPlan(plan: unknown): plan is Plan {
  return typeof plan === 'object' && plan !== null && Array.isArray(Reflect.get(plan, 'subtopologies'))
}
