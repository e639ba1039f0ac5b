/** The public face of infra/streams/topics/. */
export { applicationLag, type GroupLag } from './group-lag.ts'
export { groupTasks, hostOf, type TaskPartition } from './group-tasks.ts'
export { type Span, scanSpans, spansIn, spansOf } from './log-scan.ts'
export { type CreatedTopic, createPlanTopics, type PlanTopic, planOnCluster, planTopics } from './plan-topics.ts'
export { requireTopics } from './require-topics.ts'
