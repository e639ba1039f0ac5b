/** The public face of runtime/simulation/, for tests. It stands apart from runtime/index.ts, so that a program does not load it. */
export { Random } from './random.ts'
export { type SimulatedInput, type SimulateOptions, type SimulationReport, simulate } from './simulate.ts'
export type { RawOutput, SimulatedOutput, SimulatedOutputs, SimulatedStores } from './simulated-results.ts'
export type { SimulationFaults } from './simulated-run.ts'
export { SimulationError } from './simulation-error.ts'
