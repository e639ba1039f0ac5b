import type { StoreViews } from '../../runtime/queries/store-reads.ts'
import type { Plan } from '../../topology/plan.ts'

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
  buildPlan(options: unknown): Plan
  readonly views?: StoreViews
}

/** Loads the module and builds the plan. @throws TypeError when the module exports no buildPlan */
export async function loadPlan(definition: AppDefinition): Promise<Plan> {
  return (await loadModule(definition)).buildPlan(definition.options)
}

export async function loadViews(definition: AppDefinition): Promise<StoreViews> {
  return (await loadModule(definition)).views ?? {}
}

async function loadModule({ module: url }: AppDefinition): Promise<AppModule> {
  const module: unknown = await import(url)
  if (!isAppModule(module)) throw new TypeError(`${url} exports no function buildPlan`)
  return module
}

function isAppModule(module: unknown): module is AppModule {
  return typeof module === 'object' && module !== null && typeof Reflect.get(module, 'buildPlan') === 'function'
}
