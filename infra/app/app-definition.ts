import type { Plan } from '../../topology/plan.ts'

/**
 * An application as every thread can build it for itself: functions do not cross worker borders, so a module does.
 */
export interface AppDefinition {
  /** URL of a module that exports `buildPlan(options)`. */
  readonly module: string
  /** Plain data for buildPlan. */
  readonly options: unknown
}

interface AppModule {
  buildPlan(options: unknown): Plan
}

/** Loads the module and builds the plan. @throws TypeError when the module exports no buildPlan */
export async function loadPlan(definition: AppDefinition): Promise<Plan> {
  const module: unknown = await import(definition.module)
  if (!isAppModule(module)) throw new TypeError(`${definition.module} exports no function buildPlan`)
  return module.buildPlan(definition.options)
}

function isAppModule(module: unknown): module is AppModule {
  return typeof module === 'object' && module !== null && typeof Reflect.get(module, 'buildPlan') === 'function'
}
