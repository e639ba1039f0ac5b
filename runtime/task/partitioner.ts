export { partitionForKey } from '../../topology/default-partitioner.ts'
