import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { StreamsConfigError } from '../../state/index.ts'
import type { Topology } from '../../topology/index.ts'

/** Loads the module at that path, and takes what it exports as `topology`. @throws StreamsConfigError */
export async function loadTopology(path: string): Promise<Topology> {
  let module: object
  try {
    module = await import(pathToFileURL(resolve(path)).href)
  } catch (error) {
    throw new StreamsConfigError(`${path} cannot be loaded`, { cause: error })
  }
  const topology: unknown = Reflect.get(module, 'topology')
  if (isTopology(topology)) return topology
  throw new StreamsConfigError(`${path} exports no topology: export const topology = builder.build()`)
}

/** By what it does: the module may have a copy of this package of its own. */
function isTopology(value: unknown): value is Topology {
  return typeof value === 'object' && value !== null && typeof Reflect.get(value, 'describe') === 'function'
}
