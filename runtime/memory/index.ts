/** The public face of runtime/memory/, for tests. It stands apart from runtime/index.ts, so that a program does not load it. */
export {
  type CapturedForward,
  type CapturedPunctuator,
  MockProcessorContext,
  type MockProcessorContextOptions,
} from './mock-processor-context.ts'
export { type TestRecord, TopologyTestDriver, type TopologyTestDriverOptions } from './test-driver.ts'
