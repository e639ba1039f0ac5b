import { expect, it } from 'vitest'
import { answers } from '../../../infra/local-kafka/readiness.ts'
import { kafkaForTests } from '../../support/kafka.ts'

it('every caller of one run gets the same running broker', async () => {
  const [first, second] = await Promise.all([kafkaForTests(), kafkaForTests()])
  expect(first).toEqual(second)
  const [host = '', port = ''] = first.bootstrap.split(':')
  expect(await answers(host, Number(port))).toBe(true)
})
