import { NoSuchStoreError, StoreUnavailableError, type StreamsInstance } from '../../../runtime/ports/instance.ts'
import type { Serde } from '../../../state/ports/serde.ts'
import type { StoreSpec } from '../../../state/ports/store-spec.ts'
import type { Plan } from '../../../topology/plan.ts'

/** A store as GET /stores shows it. */
export interface ServedStore {
  readonly name: string
  readonly kind: StoreSpec['kind']
  readonly isGlobal: boolean
  readonly keySerde: string
  readonly valueSerde: string
  /** Only window stores have it, ms. */
  readonly windowSizeMs: number | null
  /** How long rows stay, or versions of them, ms; null: for ever. */
  readonly retentionMs: number | null
}

/** @throws StoreUnavailableError before the topology is loaded */
export function servedStores(instance: Pick<StreamsInstance, 'plan'>): readonly ServedStore[] {
  const { subtopologies, globalStores } = planOf(instance)
  return [
    ...subtopologies.flatMap(({ stores }) => stores.map(({ spec }) => served(spec, false))),
    ...globalStores.map(({ store }) => served(store.spec, true)),
  ]
}

/** @throws NoSuchStoreError; StoreUnavailableError before the topology is loaded */
export function specOf(instance: Pick<StreamsInstance, 'plan'>, name: string): StoreSpec {
  const { subtopologies, globalStores } = planOf(instance)
  const stores = [...subtopologies.flatMap(({ stores }) => stores), ...globalStores.map(({ store }) => store)]
  const found = stores.find(({ spec }) => spec.name === name)
  if (found === undefined) throw new NoSuchStoreError(name)
  return found.spec
}

/** @throws StoreUnavailableError before the topology is loaded */
export function planOf(instance: Pick<StreamsInstance, 'plan'>): Plan {
  const plan = instance.plan()
  if (plan === null) throw new StoreUnavailableError('the topology is not loaded yet')
  return plan
}

function served(spec: StoreSpec, isGlobal: boolean): ServedStore {
  return {
    name: spec.name,
    kind: spec.kind,
    isGlobal,
    keySerde: nameOf(spec.keySerde),
    valueSerde: nameOf(spec.valueSerde),
    windowSizeMs: spec.kind === 'window' ? spec.windowSizeMs : null,
    retentionMs: retentionOf(spec),
  }
}

function retentionOf(spec: StoreSpec): number | null {
  switch (spec.kind) {
    case 'key-value':
      return spec.ttlMs ?? null
    case 'versioned':
      return spec.historyRetentionMs
    default:
      return spec.retentionMs
  }
}

/** `other` for a serde that has no name. */
function nameOf(serde: Serde<unknown>): string {
  if (serde.name !== undefined && serde.name !== '') return serde.name
  const { name } = serde.constructor
  return name === 'Object' || name === '' ? 'other' : name
}
