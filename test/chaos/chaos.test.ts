import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { chaosOptions, commandOf, UsageError } from './chaos-options.ts'
import { chaosRound } from './chaos-round.ts'
import { RIDE_STREAMS } from './ride-streams-program.ts'
import { ridesSubject } from './rides-subject.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'ride-chaos-test-'))
})
afterAll(async () => {
  await rm(directory, { recursive: true, force: true })
})

it('no output is lost or repeated when busy instances are killed, stopped and sent damaged answers', async () => {
  const { faults, differences, falls, records } = await chaosRound({
    subject: ridesSubject(RIDE_STREAMS, 5),
    seed: 5,
    types: ['kill', 'leave', 'flip'],
    brokers: 1,
    instances: 2,
    standbys: 1,
    ratePerSecond: 100,
    sessionTimeoutMs: 3000,
    calmMs: 1000,
    transactionTimeoutMs: null,
    settings: {},
    maxBrokerDownMs: 5000,
    floodEvents: 10_000,
    durationMs: 240_000,
    maxFaults: 3,
    stop: new AbortController().signal,
    directory,
    onFault: () => {},
    onProgress: () => {},
  })
  expect(differences).toEqual([])
  expect(falls).toEqual([])
  expect(faults.map(({ type }) => type).sort()).toEqual(['flip', 'kill', 'leave'])
  expect(records.input).toBeGreaterThan(500)
  expect(records.outputs).toBeGreaterThan(500)
})

it('the chaos program prints the command that repeats a run, and refuses unknown options', () => {
  const options = chaosOptions(['--minutes', '2', '--seed', '3', '--faults', 'kill,pause', '--standbys', '1'])
  expect(chaosOptions(commandOf(options).split(' ').slice(4))).toEqual(options)
  expect(() => chaosOptions(['--faults', 'meteor'])).toThrow(UsageError)
  expect(() => chaosOptions(['--minutes', 'x'])).toThrow(UsageError)
  expect(() => chaosOptions(['--faults', 'move'])).toThrow(UsageError)
  const peer = chaosOptions(['--peer', 'kafka-streams', '--transaction-ms', '30000'])
  expect(chaosOptions(commandOf(peer).split(' ').slice(4))).toEqual(peer)
  expect(() => chaosOptions(['--transaction-ms', '30000'])).toThrow(UsageError)
  const settings = ['--optimization', 'all', '--settings', 'STATE_BACKEND=rocksdb,NUM_STREAM_THREADS=2']
  const others = chaosOptions(['--topology', 'windows,calls', '--faults', 'kill,thread,storm', ...settings])
  expect(chaosOptions(commandOf(others).split(' ').slice(4))).toEqual(others)
  expect(() => chaosOptions(['--topology', 'windows,doors'])).toThrow(UsageError)
  expect(() => chaosOptions(['--topology', 'windows', '--faults', 'flood'])).toThrow(UsageError)
  expect(() => chaosOptions(['--faults', 'thread'])).toThrow(UsageError)
  expect(() => chaosOptions(['--optimization', 'all'])).toThrow(UsageError)
  expect(() => chaosOptions(['--settings', 'rocksdb'])).toThrow(UsageError)
})
