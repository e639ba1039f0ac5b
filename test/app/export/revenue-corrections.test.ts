import { expect, it } from 'vitest'
import { revenueCorrections } from '../../../app/export/revenue-corrections.ts'
import { realClock } from '../../../infra/streams/index.ts'
import { MemoryCluster } from '../../../runtime/memory/cluster.ts'
import { MemoryAdmin } from '../../../runtime/memory/memory-admin.ts'
import { MemoryReader } from '../../../runtime/memory/memory-reader.ts'
import { IDEAL_NETWORK } from '../../../runtime/memory/network.ts'
import { NO_HEADERS } from '../../../state/index.ts'

const TOPIC = 'analytics.hourly_revenue'
const at = (time: string): number => Date.parse(`2025-10-${time}:00Z`)

it('tells what has changed since a time in hours that were over by then: old and new value, exact', async () => {
  const cluster = new MemoryCluster(IDEAL_NETWORK)
  cluster.createTopic({ name: TOPIC, partitions: 2, config: {} })
  const write = (partition: number, time: string, hour: string, revenue: string, trips: number): void => {
    const key = `2025-10-${hour}:00:00Z`
    const value = Buffer.from(`{"hour":"${key}","revenue":${revenue},"trips":${trips}}`)
    const record = { timestamp: at(time), key: Buffer.from(key), value, headers: NO_HEADERS }
    cluster.append({ topic: TOPIC, partition }, [record])
  }
  write(0, '28T10:59', '28T10', '90071992547409.91', 3)
  write(0, '28T11:30', '28T11', '5', 1)
  write(0, '28T12:10', '28T12', '8', 1)
  write(1, '28T09:30', '28T09', '7', 1)
  cluster.append({ topic: TOPIC, partition: 1 }, [
    { timestamp: at('28T09:40'), key: null, value: Buffer.from('no row'), headers: NO_HEADERS },
  ])
  // Since 29T00:00. A correction, a late event behind it, an hour that nobody knew, and one that is as it was.
  write(0, '29T08:00', '28T10', '90071992547409.93', 3)
  write(0, '28T11:45', '28T11', '12.5', 2)
  write(0, '29T08:00', '29T08', '1', 1)
  write(1, '29T09:00', '27T01', '2', 1)
  write(1, '29T09:00', '28T09', '9', 2)
  write(1, '29T09:05', '28T09', '7', 1)

  const options = { cluster, network: IDEAL_NETWORK, clock: realClock, client: 'test' }
  const admin = new MemoryAdmin(options)
  const reader = new MemoryReader({ ...options, isolation: 'read_committed', maxBatches: () => 10 })
  const since = (time: string) => revenueCorrections({ admin, reader, since: at(time) })
  expect(await since('29T00:00')).toEqual({
    rows: [
      { hour: '2025-10-27T01:00:00Z', oldRevenue: null, revenue: '2.00', oldTrips: null, trips: 1 },
      {
        hour: '2025-10-28T10:00:00Z',
        oldRevenue: '90071992547409.91',
        revenue: '90071992547409.93',
        oldTrips: 3,
        trips: 3,
      },
      { hour: '2025-10-28T11:00:00Z', oldRevenue: '5.00', revenue: '12.50', oldTrips: 1, trips: 2 },
    ],
    invalid: 1,
  })
  expect((await since('30T00:00')).rows).toEqual([])
})
