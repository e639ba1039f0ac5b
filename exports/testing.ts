/** `ride-streams/testing`: a topology in a test, without a broker. */
export { type TestRecord, TopologyTestDriver, type TopologyTestDriverOptions } from '../runtime/index.ts'
