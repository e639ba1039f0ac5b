/** `ride-streams/testing`: a topology, or one processor, in a test without a broker; and a topology under faults drawn by seed. */
export {
  type CapturedForward,
  type CapturedPunctuator,
  MockProcessorContext,
  type MockProcessorContextOptions,
  type TestRecord,
  TopologyTestDriver,
  type TopologyTestDriverOptions,
} from '../runtime/memory/index.ts'
export {
  Random,
  type RawOutput,
  type SimulatedInput,
  type SimulatedOutput,
  type SimulatedOutputs,
  type SimulatedStores,
  type SimulateOptions,
  SimulationError,
  type SimulationFaults,
  type SimulationReport,
  simulate,
} from '../runtime/simulation/index.ts'
