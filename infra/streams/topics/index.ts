/** The public face of infra/streams/topics/. */
export { type GroupLag, groupLag } from './group-lag.ts'
export { type Span, scanSpans, spansIn, spansOf } from './log-scan.ts'
export { requireTopics } from './require-topics.ts'
