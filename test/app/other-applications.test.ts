import { expect, it } from 'vitest'
import { otherApplications, sharedOutputs } from '../../app/topics/other-applications.ts'
import { AppLog } from '../../infra/logging/index.ts'
import { loggedLines } from '../support/log-lines.ts'

const OWN = ['trip.state', 'rides.dlq', 'rides-trip-state-changelog', 'rides-driver-cells-changelog']

it('an application alone on its cluster shares nothing', () => {
  expect(sharedOutputs(OWN, 'rides')).toBeNull()
})

it('another application on the cluster is named, with the topics that both write', () => {
  const topics = [...OWN, 'rides-2-trip-state-changelog', 'word-count-counts-changelog']
  expect(otherApplications(topics, 'rides')).toEqual(['rides-2'])
  expect(otherApplications(topics, 'rides-2')).toEqual(['rides'])
  const notice = sharedOutputs(topics, 'rides')
  expect(notice).toMatchObject({
    type: 'shared',
    topics: expect.arrayContaining(['trip.state', 'analytics.hourly_revenue', 'driver.cell.changed']),
    detail: 'applications on this cluster beside rides: rides-2',
  })
  const { logger, lines } = loggedLines()
  if (notice !== null) new AppLog(logger).write({ type: 'topic-notice', notice })
  expect(lines).toMatchObject([{ level: 'warn', detail: 'applications on this cluster beside rides: rides-2' }])
})
