import type { StoreViews } from '../../runtime/queries/store-reads.ts'
import { StreamsConfigError } from '../../state/ports/errors.ts'
import { shownKind } from '../../state/ports/serde.ts'
import { isThenable } from '../../state/ports/thenable.ts'
import type { Plan } from '../../topology/plan.ts'
import { Topology } from '../../topology/topology.ts'

/**
 * An application as every thread can build it for itself: functions do not cross worker borders, so a module does.
 */
export interface AppDefinition {
  /** URL of a module that exports `buildPlan(options)`, and `views` when queries want JSON. */
  readonly module: string
  /** Plain data for buildPlan. */
  readonly options: unknown
}

interface AppModule {
  buildPlan(options: unknown): unknown
  readonly views?: StoreViews
}

/**
 * Loads the module and builds the plan.
 * @throws StreamsConfigError when the module cannot be found that way, exports no buildPlan, or that answers no Plan
 */
export async function loadPlan({ module: url, options }: AppDefinition): Promise<Plan> {
  const plan: unknown = (await loadModule(url)).buildPlan(options)
  if (isThenable(plan))
    throw new StreamsConfigError(`buildPlan of ${url} answered a promise, it must answer the Plan itself`)
  if (plan instanceof Topology)
    throw new StreamsConfigError(
      `buildPlan of ${url} answered a Topology, it must answer topology.build({ applicationId })`,
    )
  if (!isPlan(plan)) throw new StreamsConfigError(`buildPlan of ${url} must answer a Plan, not ${shownKind(plan)}`)
  return plan
}

export async function loadViews({ module: url }: AppDefinition): Promise<StoreViews> {
  return (await loadModule(url)).views ?? {}
}

async function loadModule(url: string): Promise<AppModule> {
  if (!URL.canParse(url))
    throw new StreamsConfigError(
      `module "${url}" is no URL: give import.meta.url, or new URL('./file.js', import.meta.url).href`,
    )
  const module: unknown = await import(url)
  if (!isAppModule(module)) throw new StreamsConfigError(`${url} exports no function buildPlan`)
  return module
}

function isAppModule(module: unknown): module is AppModule {
  return typeof module === 'object' && module !== null && typeof Reflect.get(module, 'buildPlan') === 'function'
}

function isPlan(plan: unknown): plan is Plan {
  return typeof plan === 'object' && plan !== null && Array.isArray(Reflect.get(plan, 'subtopologies'))
}
