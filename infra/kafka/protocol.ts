import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

/*
 * The protocol layer of @platformatic/kafka: request codecs, error codes, snappy and SCRAM, each from its own file. The package's entry
 * would load its clients and registries too, which costs every process and every stream thread half a second of processor time, and nobody
 * here uses them. Its exports name the entry only, so package.json names one exact version.
 */
type Library = typeof import('@platformatic/kafka')

const ENTRY = pathToFileURL(createRequire(import.meta.url).resolve('@platformatic/kafka'))

/** A file of the package that exports part of what its entry exports. */
async function part<Name extends keyof Library>(file: string): Promise<Pick<Library, Name>> {
  return (await import(new URL(file, ENTRY).href)) as Pick<Library, Name>
}

/** A request of that version: the entry exports the whole file by that name. */
async function request<Name extends keyof Library>(_name: Name, file: string): Promise<Library[Name]> {
  return (await import(new URL(`apis/${file}.js`, ENTRY).href)) as Library[Name]
}

export const { createAPI } = await part<'createAPI'>('apis/definitions.js')
export const { ConfigResourceTypes, IncrementalAlterConfigOperationTypes } = await part<
  'ConfigResourceTypes' | 'IncrementalAlterConfigOperationTypes'
>('apis/enumerations.js')
export const { compressionsAlgorithms } = await part<'compressionsAlgorithms'>('protocol/compression.js')
export const { protocolErrorsCodesById } = await part<'protocolErrorsCodesById'>('protocol/errors.js')
export const { Reader } = await part<'Reader'>('protocol/reader.js')
export const { Writer } = await part<'Writer'>('protocol/writer.js')
export type Reader = InstanceType<typeof Reader>
export type Writer = InstanceType<typeof Writer>
export type { API } from '@platformatic/kafka'

export const createTopicsV7: Library['createTopicsV7'] = await request('createTopicsV7', 'admin/create-topics-v7')
export const deleteRecordsV2: Library['deleteRecordsV2'] = await request('deleteRecordsV2', 'admin/delete-records-v2')
export const deleteTopicsV6: Library['deleteTopicsV6'] = await request('deleteTopicsV6', 'admin/delete-topics-v6')
export const describeConfigsV4: Library['describeConfigsV4'] = await request(
  'describeConfigsV4',
  'admin/describe-configs-v4',
)
export const describeGroupsV5: Library['describeGroupsV5'] = await request(
  'describeGroupsV5',
  'admin/describe-groups-v5',
)
export const describeProducersV0: Library['describeProducersV0'] = await request(
  'describeProducersV0',
  'admin/describe-producers-v0',
)
export const describeTransactionsV0: Library['describeTransactionsV0'] = await request(
  'describeTransactionsV0',
  'admin/describe-transactions-v0',
)
export const incrementalAlterConfigsV1: Library['incrementalAlterConfigsV1'] = await request(
  'incrementalAlterConfigsV1',
  'admin/incremental-alter-configs-v1',
)

export const heartbeatV4: Library['heartbeatV4'] = await request('heartbeatV4', 'consumer/heartbeat-v4')
export const joinGroupV9: Library['joinGroupV9'] = await request('joinGroupV9', 'consumer/join-group-v9')
export const leaveGroupV5: Library['leaveGroupV5'] = await request('leaveGroupV5', 'consumer/leave-group-v5')
export const listOffsetsV8: Library['listOffsetsV8'] = await request('listOffsetsV8', 'consumer/list-offsets-v8')
export const offsetCommitV9: Library['offsetCommitV9'] = await request('offsetCommitV9', 'consumer/offset-commit-v9')
export const offsetFetchV9: Library['offsetFetchV9'] = await request('offsetFetchV9', 'consumer/offset-fetch-v9')
export const syncGroupV5: Library['syncGroupV5'] = await request('syncGroupV5', 'consumer/sync-group-v5')

export const apiVersionsV3: Library['apiVersionsV3'] = await request('apiVersionsV3', 'metadata/api-versions-v3')
export const findCoordinatorV4: Library['findCoordinatorV4'] = await request(
  'findCoordinatorV4',
  'metadata/find-coordinator-v4',
)
export const metadataV12: Library['metadataV12'] = await request('metadataV12', 'metadata/metadata-v12')

export const addOffsetsToTxnV4: Library['addOffsetsToTxnV4'] = await request(
  'addOffsetsToTxnV4',
  'producer/add-offsets-to-txn-v4',
)
export const addPartitionsToTxnV3: Library['addPartitionsToTxnV3'] = await request(
  'addPartitionsToTxnV3',
  'producer/add-partitions-to-txn-v3',
)
export const endTxnV4: Library['endTxnV4'] = await request('endTxnV4', 'producer/end-txn-v4')
export const initProducerIdV4: Library['initProducerIdV4'] = await request(
  'initProducerIdV4',
  'producer/init-producer-id-v4',
)
export const txnOffsetCommitV4: Library['txnOffsetCommitV4'] = await request(
  'txnOffsetCommitV4',
  'producer/txn-offset-commit-v4',
)

export const saslAuthenticateV2: Library['saslAuthenticateV2'] = await request(
  'saslAuthenticateV2',
  'security/sasl-authenticate-v2',
)
export const saslHandshakeV1: Library['saslHandshakeV1'] = await request(
  'saslHandshakeV1',
  'security/sasl-handshake-v1',
)

/** SCRAM needs much more of the package than the requests do. */
export async function loadScram(): Promise<Library['saslScramSha']> {
  return (await import(new URL('protocol/sasl/scram-sha.js', ENTRY).href)) as Library['saslScramSha']
}
