/** The public face of infra/streams/reset/. */
export { type GivenOffset, parseOffsets } from './offsets-file.ts'
export { Reset, type ResetOffset, type ResetPlan, type ResetTarget } from './reset.ts'
