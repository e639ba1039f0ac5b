import { expect, it } from 'vitest'
import { isThreadOf, transactionalIdOf } from '../../../infra/streams/transactional-ids.ts'

it('the transactional ids of an application are told from those of others', () => {
  const process = '0b1e4a9c-5d0e-4b55-9d8f-6a4b0c1d2e3f'
  const all = [
    transactionalIdOf('orders', process, 0),
    transactionalIdOf('orders', process, 12),
    transactionalIdOf('orders-eu', process, 0),
    transactionalIdOf('my-orders', process, 0),
    'orders-replay',
    'orders-0',
    `orders-${process}`,
  ]
  expect(all.filter((id) => isThreadOf('orders', id))).toEqual([`orders-${process}-0`, `orders-${process}-12`])
})
