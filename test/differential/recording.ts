import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Header, serdes } from '../../topology/index.ts'
import type { DslStep } from './random-dsl.ts'

/*
 * A recording of Kafka Streams (recorded/*.json, made by record.sh): input, output after every input record, store contents.
 * Bytes are shown as text, numbers or windowed keys; the file names the kinds of each topic.
 */

export type Kind = 'string' | 'int64' | 'window' | 'session'
/** Windowed keys are compared by their bytes. */
export type Shown = string | number | null | { readonly base64: string }

export interface ShownRecord {
  readonly topic: string
  readonly key: Shown
  readonly value: Shown
  readonly timestamp: number
  readonly headers?: ReadonlyArray<readonly [name: string, value: string | null]>
}

export type Step = ({ readonly advanceWallClockMs: number } | ShownRecord) & { readonly out: readonly ShownRecord[] }

export interface Recording {
  readonly case: string
  readonly kafkaVersion: string
  readonly wallClockStart: number
  readonly describe: string
  readonly topics: Readonly<Record<string, { readonly key: Kind; readonly value: Kind }>>
  readonly steps: readonly Step[]
  readonly stores: Readonly<Record<string, ReadonlyArray<readonly unknown[]>>>
}

/** A recording of a topology that a seed made. */
export interface RandomRecording extends Recording {
  readonly optimized: boolean
  readonly topology: readonly DslStep[]
}

/** Recordings of other seeds can be tried: see record.sh and record-random.sh. */
const DIRECTORY = process.env.DIFFERENTIAL_RECORDED ?? join(import.meta.dirname, 'recorded')
const RANDOM_DIRECTORY = process.env.DIFFERENTIAL_RANDOM ?? join(import.meta.dirname, 'recorded-random')

export function recordedCases(): string[] {
  return casesIn(DIRECTORY)
}

export function randomCases(): string[] {
  return casesIn(RANDOM_DIRECTORY)
}

export function readRecording(name: string): Recording {
  return read(DIRECTORY, name) as Recording
}

export function readRandom(name: string): RandomRecording {
  return read(RANDOM_DIRECTORY, name) as RandomRecording
}

function casesIn(directory: string): string[] {
  return readdirSync(directory)
    .map((file) => file.replace('.json', ''))
    .sort()
}

function read(directory: string, name: string): unknown {
  return JSON.parse(readFileSync(join(directory, `${name}.json`), 'utf8'))
}

export function toBytes(shown: Shown): Buffer | null {
  if (shown === null) return null
  if (typeof shown === 'object') return Buffer.from(shown.base64, 'base64')
  return Buffer.from(typeof shown === 'number' ? serdes.int64.serialize('', shown) : shown)
}

/** Inverse of toBytes; windowed keys with their parts readable, as in the recording. */
export function show(kind: Kind, bytes: Buffer | null): Shown {
  if (bytes === null) return null
  const time = (fromEnd: number) => Number(bytes.readBigInt64BE(bytes.length - fromEnd))
  const text = (windowBytes: number) => bytes.toString('utf8', 0, bytes.length - windowBytes)
  const base64 = bytes.toString('base64')
  switch (kind) {
    case 'string':
      return text(0)
    case 'int64':
      return serdes.int64.deserialize('', bytes)
    case 'window':
      return { key: text(8), start: time(8), base64 } as Shown
    case 'session':
      return { key: text(16), start: time(8), end: time(16), base64 } as Shown
  }
}

export function toHeaders(shown: ShownRecord['headers'] = []): Header[] {
  return shown.map(([key, value]) => ({ key, value: value === null ? null : Buffer.from(value) }))
}

export function showHeaders(headers: Iterable<Header>): { headers?: [string, string | null][] } {
  const pairs = [...headers].map(({ key, value }): [string, string | null] => [key, value?.toString() ?? null])
  return pairs.length === 0 ? {} : { headers: pairs }
}
