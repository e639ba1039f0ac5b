import { expect, it } from 'vitest'
import { answers } from '../../../infra/local-kafka/readiness.ts'
import { kafkaForTests } from '../../support/kafka.ts'

it('gives every caller of one run the same running broker', async () => {
  const [first, second] = await Promise.all([kafkaForTests(), kafkaForTests()])
  expect(first).toEqual(second)
  const [host = '', port = ''] = first.bootstrap.split(':')
  expect(await answers(host, Number(port))).toBe(true)
})
