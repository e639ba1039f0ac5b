/** The public face of infra/streams/reset/. */
export { Reset, type ResetOffset, type ResetPlan, type ResetTarget } from './reset.ts'
