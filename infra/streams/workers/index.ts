/** The public face of infra/streams/workers/, which loads little: programs make workers before they load the rest. */
export { StreamWorkers } from './stream-workers.ts'
