import type { DescribeRecord } from '../../runtime/task/record-description.ts'
import { StreamsConfigError } from '../../state/ports/errors.ts'
import { Topology } from '../../topology/topology.ts'
import type { Config } from '../config/config.ts'
import { type AppDefinition, type LoadedApp, refuseEmpty } from './app-definition.ts'

/** A topology as a module, which every worker thread loads for itself. */
export interface TopologyModule {
  /** URL of a module that exports `topology`, or `buildPlan(options)`. */
  readonly module: string | URL
  /** Plain data for buildPlan, to which `applicationId` is added. */
  readonly options?: Readonly<Record<string, unknown>> | undefined
}

/** A topology in this process, with what belongs to it. */
export interface TopologyInProcess {
  readonly topology: Topology
  /** Fields by which log lines name a bad record. */
  readonly describeRecord?: DescribeRecord | undefined
}

export type StreamsTopology = Topology | TopologyInProcess | URL | TopologyModule

/** Builds the plan of a topology that is here; a module is loaded by the threads. @throws StreamsConfigError, StreamsTopologyError */
export function topologySource(given: StreamsTopology, settings: Config): AppDefinition | LoadedApp {
  const { applicationId, numStreamThreads } = settings
  if (given instanceof URL) return topologySource({ module: given }, settings)
  if (given instanceof Topology) return topologySource({ topology: given }, settings)
  if (typeof given === 'object' && given !== null && 'module' in given) {
    if (typeof settings.sasl === 'object' && settings.sasl !== null && 'tokenProvider' in settings.sasl) {
      refuseFunction('sasl.tokenProvider', settings.sasl.tokenProvider, 'expected the URL of a module')
    }
    for (const name of HANDLERS) refuseFunction(name, settings[name], 'export it from the module in exceptionHandlers')
    return { module: String(given.module), options: { ...given.options, applicationId } }
  }
  const { topology, describeRecord } = (given ?? {}) as Partial<TopologyInProcess>
  if (!(topology instanceof Topology)) {
    throw new StreamsConfigError('the topology must be a Topology (builder.build()), or the URL of a module')
  }
  if (numStreamThreads > 1) {
    throw new StreamsConfigError(
      `numStreamThreads: ${numStreamThreads} threads need the URL of a module that exports the topology, because functions do not cross threads`,
    )
  }
  const plan = topology.build({ applicationId })
  refuseEmpty(plan)
  return { plan, ...(describeRecord && { describeRecord }) }
}

const HANDLERS = [
  'deserializationExceptionHandler',
  'processingExceptionHandler',
  'productionExceptionHandler',
] as const

function refuseFunction(name: string, value: unknown, advice: string): void {
  if (typeof value !== 'function') return
  throw new StreamsConfigError(`${name}: a function does not cross threads, ${advice}`)
}
