import { join } from 'node:path'
import type { Kafka } from 'kafkajs'
import { expect } from 'vitest'
import { EVENT_TYPES } from '../../processors/events/schemas.ts'
import { committedOnDisk } from './committed-on-disk.ts'
import type { BorrowedKafka } from './kafka.ts'
import { type ReadRecord, readCommitted } from './kafkajs.ts'
import { type Json, oracle, revenueDifferences } from './oracle.ts'

export function rideOutputs(applicationId: string): string[] {
  return ['trip.state', 'driver.cell.changed', 'analytics.hourly_revenue', `${applicationId}.dlq`]
}

/** Everything committed to the outputs equals the oracle's answer to everything in the inputs, exactly. */
export async function expectOutputsOfOracle(
  broker: Pick<BorrowedKafka, 'dataDir'>,
  kafka: Kafka,
  applicationId: string,
): Promise<void> {
  const expected = oracle(toInput(await readCommitted(kafka, EVENT_TYPES, 'reader-of-input')))
  const outputs = await committedOnDisk(join(broker.dataDir, 'data'), rideOutputs(applicationId))
  expect(latest(outputs, 'trip.state')).toEqual(expected.trips)
  expect(cellChanges(outputs)).toEqual(
    new Map([...expected.cellChanges].map(([driver, changes]) => [driver, changes.map(({ value }) => value)])),
  )
  expect(revenueDifferences(expected, latest(outputs, 'analytics.hourly_revenue'))).toEqual([])
  expect(deadLetters(outputs, applicationId)).toEqual(
    expected.deadLetters.map(({ topic, partition, offset }) => `${topic}-${partition}@${offset}`).sort(),
  )
}

export function toInput(records: readonly ReadRecord[]) {
  return records.map(({ topic, partition, offset, key, value, timestamp }) => ({
    topic,
    partition,
    offset: Number(offset),
    key,
    value,
    timestamp: Number(timestamp),
  }))
}

function latest(records: readonly ReadRecord[], topic: string): Map<string, Json> {
  return new Map(
    records
      .filter((record) => record.topic === topic)
      .map(({ key, value }) => [String(key), JSON.parse(String(value)) as Json]),
  )
}

function cellChanges(records: readonly ReadRecord[]): Map<string, Json[]> {
  const changes = new Map<string, Json[]>()
  for (const { topic, key, value } of records) {
    if (topic !== 'driver.cell.changed') continue
    const driver = String(key)
    changes.set(driver, [...(changes.get(driver) ?? []), JSON.parse(String(value)) as Json])
  }
  return changes
}

function deadLetters(records: readonly ReadRecord[], applicationId: string): string[] {
  return records
    .filter(({ topic }) => topic === `${applicationId}.dlq`)
    .map(({ headers }) => {
      const header = (name: string): string => String(headers?.[`__streams.errors.${name}`])
      return `${header('topic')}-${header('partition')}@${header('offset')}`
    })
    .sort()
}
