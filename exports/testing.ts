/** `ride-streams/testing`: a topology, or one processor, in a test without a broker. */
export {
  type CapturedForward,
  type CapturedPunctuator,
  MockProcessorContext,
  type MockProcessorContextOptions,
  type TestRecord,
  TopologyTestDriver,
  type TopologyTestDriverOptions,
} from '../runtime/memory/index.ts'
