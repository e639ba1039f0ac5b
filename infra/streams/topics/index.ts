/** The public face of infra/streams/topics/. */
export { type GroupLag, groupLag } from './group-lag.ts'
export { readSpans, type Span } from './read-spans.ts'
export { readTopics } from './read-topics.ts'
export { requireTopics } from './require-topics.ts'
