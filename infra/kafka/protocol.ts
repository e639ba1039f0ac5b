/*
 * The protocol layer of @platformatic/kafka: request codecs, error codes, snappy and SCRAM, each from its own file. The package's entry
 * would load its clients and registries too, which costs every process and every stream thread half a second of processor time, and nobody
 * here uses them. Its exports name the entry only, so these are paths, package.json names one exact version, and a build of the package
 * copies the files in.
 */

export * as createTopicsV7 from '../../node_modules/@platformatic/kafka/dist/apis/admin/create-topics-v7.js'
export * as deleteRecordsV2 from '../../node_modules/@platformatic/kafka/dist/apis/admin/delete-records-v2.js'
export * as deleteTopicsV6 from '../../node_modules/@platformatic/kafka/dist/apis/admin/delete-topics-v6.js'
export * as describeConfigsV4 from '../../node_modules/@platformatic/kafka/dist/apis/admin/describe-configs-v4.js'
export * as describeGroupsV5 from '../../node_modules/@platformatic/kafka/dist/apis/admin/describe-groups-v5.js'
export * as describeProducersV0 from '../../node_modules/@platformatic/kafka/dist/apis/admin/describe-producers-v0.js'
export * as describeTransactionsV0 from '../../node_modules/@platformatic/kafka/dist/apis/admin/describe-transactions-v0.js'
export * as incrementalAlterConfigsV1 from '../../node_modules/@platformatic/kafka/dist/apis/admin/incremental-alter-configs-v1.js'
export * as listTransactionsV0 from '../../node_modules/@platformatic/kafka/dist/apis/admin/list-transactions-v0.js'
export * as heartbeatV4 from '../../node_modules/@platformatic/kafka/dist/apis/consumer/heartbeat-v4.js'
export * as joinGroupV9 from '../../node_modules/@platformatic/kafka/dist/apis/consumer/join-group-v9.js'
export * as leaveGroupV5 from '../../node_modules/@platformatic/kafka/dist/apis/consumer/leave-group-v5.js'
export * as listOffsetsV8 from '../../node_modules/@platformatic/kafka/dist/apis/consumer/list-offsets-v8.js'
export * as offsetCommitV9 from '../../node_modules/@platformatic/kafka/dist/apis/consumer/offset-commit-v9.js'
export * as offsetFetchV9 from '../../node_modules/@platformatic/kafka/dist/apis/consumer/offset-fetch-v9.js'
export * as syncGroupV5 from '../../node_modules/@platformatic/kafka/dist/apis/consumer/sync-group-v5.js'
export type { API } from '../../node_modules/@platformatic/kafka/dist/apis/definitions.js'
export { createAPI } from '../../node_modules/@platformatic/kafka/dist/apis/definitions.js'
export {
  ConfigResourceTypes,
  IncrementalAlterConfigOperationTypes,
} from '../../node_modules/@platformatic/kafka/dist/apis/enumerations.js'
export * as apiVersionsV3 from '../../node_modules/@platformatic/kafka/dist/apis/metadata/api-versions-v3.js'
export * as findCoordinatorV4 from '../../node_modules/@platformatic/kafka/dist/apis/metadata/find-coordinator-v4.js'
export * as metadataV12 from '../../node_modules/@platformatic/kafka/dist/apis/metadata/metadata-v12.js'
export * as addOffsetsToTxnV4 from '../../node_modules/@platformatic/kafka/dist/apis/producer/add-offsets-to-txn-v4.js'
export * as addPartitionsToTxnV3 from '../../node_modules/@platformatic/kafka/dist/apis/producer/add-partitions-to-txn-v3.js'
export * as endTxnV4 from '../../node_modules/@platformatic/kafka/dist/apis/producer/end-txn-v4.js'
export * as initProducerIdV4 from '../../node_modules/@platformatic/kafka/dist/apis/producer/init-producer-id-v4.js'
export * as txnOffsetCommitV4 from '../../node_modules/@platformatic/kafka/dist/apis/producer/txn-offset-commit-v4.js'
export * as saslAuthenticateV2 from '../../node_modules/@platformatic/kafka/dist/apis/security/sasl-authenticate-v2.js'
export * as saslHandshakeV1 from '../../node_modules/@platformatic/kafka/dist/apis/security/sasl-handshake-v1.js'
export { compressionsAlgorithms } from '../../node_modules/@platformatic/kafka/dist/protocol/compression.js'
export { protocolErrorsCodesById } from '../../node_modules/@platformatic/kafka/dist/protocol/errors.js'
export { Reader } from '../../node_modules/@platformatic/kafka/dist/protocol/reader.js'
export { Writer } from '../../node_modules/@platformatic/kafka/dist/protocol/writer.js'

/** SCRAM needs much more of the package than the requests do. */
export async function loadScram(): Promise<
  typeof import('../../node_modules/@platformatic/kafka/dist/protocol/sasl/scram-sha.js')
> {
  return await import('../../node_modules/@platformatic/kafka/dist/protocol/sasl/scram-sha.js')
}
