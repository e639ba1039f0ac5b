import { parseTaskId } from '../task/task-id.ts'
import type { MemberAssignment, MemberReport } from './types.ts'

/** null for what is not a report as this version knows it; fields it does not know are ignored. */
export function parseReport(json: string): MemberReport | null {
  const value = objectIn(json)
  if (value === null) return null
  const { processId, applicationServer, threads, transactionalIds, topology, active, lags, shutdown, rack } = value
  if (!isName(processId) || !isName(topology) || !isNameOrNull(applicationServer)) return null
  if (!Number.isSafeInteger(threads) || (threads as number) < 1) return null
  if (!isListOf(transactionalIds, isName) || !isListOf(active, isTaskId)) return null
  if (!isRecordOf(lags, isLag) || !Object.keys(lags).every(isTaskId)) return null
  if (shutdown !== undefined && !isName(shutdown)) return null
  if (rack !== undefined && !isName(rack)) return null
  return {
    processId,
    applicationServer,
    threads: threads as number,
    ...(rack !== undefined && { rack }),
    transactionalIds,
    topology,
    active,
    lags,
    ...(shutdown !== undefined && { shutdown }),
  }
}

/** null for what is not an assignment as this version knows it; fields it does not know are ignored. */
export function parseAssignment(json: string): MemberAssignment | null {
  const value = objectIn(json)
  if (value === null) return null
  const { active, standby, fence, isProvisional, refused, shutdown } = value
  const { owners, standbys, transactionalIds, endpoints, successors = {} } = value
  if (!isListOf(active, isTaskId) || !isListOf(standby, isTaskId) || !isListOf(fence, isName)) return null
  if (typeof isProvisional !== 'boolean' || !isNameOrNull(refused)) return null
  if (shutdown !== undefined && !isName(shutdown)) return null
  if (!isRecordOf(owners, isName) || !isRecordOf(successors, isName)) return null
  if (!isRecordOf(standbys, isNames) || !isRecordOf(transactionalIds, isNames)) return null
  if (!isRecordOf(endpoints, isNameOrNull)) return null
  return {
    active,
    standby,
    fence,
    isProvisional,
    refused,
    owners,
    standbys,
    transactionalIds,
    endpoints,
    successors,
    ...(shutdown !== undefined && { shutdown }),
  }
}

function objectIn(json: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(json)
    return isObject(value) ? value : null
  } catch (error) {
    if (error instanceof SyntaxError) return null
    throw error
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isNameOrNull(value: unknown): value is string | null {
  return value === null || isName(value)
}

function isNames(value: unknown): value is string[] {
  return isListOf(value, isName)
}

function isLag(value: unknown): value is number {
  return typeof value === 'number' && value >= 0
}

function isTaskId(value: unknown): value is string {
  if (typeof value !== 'string' || !/^\d+_\d+$/.test(value)) return false
  const { subtopology, partition } = parseTaskId(value)
  return Number.isSafeInteger(subtopology) && Number.isSafeInteger(partition)
}

function isListOf<T>(value: unknown, isItem: (item: unknown) => item is T): value is T[] {
  return Array.isArray(value) && value.every(isItem)
}

function isRecordOf<T>(value: unknown, isItem: (item: unknown) => item is T): value is Record<string, T> {
  return isObject(value) && Object.values(value).every(isItem)
}
