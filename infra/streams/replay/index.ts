/** The public face of infra/streams/replay/. */
export type { GoneRange, InputCut } from './input-cut.ts'
export { type Emit, Replay, type ReplayOptions } from './replay.ts'
export type { TopicOutcome } from './replay-run.ts'
export { Shadow, type ShadowReport } from './shadow.ts'
