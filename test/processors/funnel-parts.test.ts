import { expect, it } from 'vitest'
import { funnelPartSerde, funnelParts } from '../../processors/trip-funnel/funnel-parts.ts'
import {
  addToFunnel,
  EMPTY_FUNNEL,
  type FunnelPart,
  removeFromFunnel,
} from '../../processors/trip-funnel/trip-funnel.ts'
import { Random } from '../support/random.ts'

const trip = (waitMs: number | null, completed = 0): FunnelPart => ({
  ...funnelParts.none(),
  requested: 1,
  accepted: waitMs === null ? 0 : 1,
  completed,
  gained: waitMs === null ? [] : [waitMs],
})

it('changes of trips add up to one part, in which waits that stay do not appear', () => {
  let sum = funnelParts.none()
  sum = funnelParts.add(sum, trip(null))
  sum = funnelParts.add(funnelParts.subtract(sum, trip(400)), trip(400, 1))
  sum = funnelParts.add(funnelParts.subtract(sum, trip(500)), trip(700))
  expect(sum).toEqual({
    requested: 1,
    accepted: 0,
    started: 0,
    completed: 1,
    cancelled: 0,
    gained: [700],
    lost: [500],
  })
  const read = funnelPartSerde.deserialize('', Buffer.from(funnelPartSerde.serialize('', sum)))
  expect(read).toEqual(sum)
  expect(removeFromFunnel(addToFunnel(addToFunnel(EMPTY_FUNNEL, trip(500)), sum), sum)).toEqual(
    addToFunnel(EMPTY_FUNNEL, trip(500)),
  )
})

it('the part of one trip that version 0.1 sent is read', () => {
  const read = (text: string) => funnelPartSerde.deserialize('', Buffer.from(text))
  expect(read('[1,1,0,0,1500]')).toEqual({ ...trip(1500), started: 1 })
  expect(read('[0,0,0,1,null]')).toEqual({ ...trip(null), cancelled: 1 })
})

it('a funnel is the same whether changes come one by one or added up', () => {
  const random = new Random(3)
  const trips = Array.from({ length: 40 }, () => trip(random.below(5)))
  let funnel = trips.reduce(addToFunnel, EMPTY_FUNNEL)
  let added = funnel
  for (let round = 0; round < 50; round++) {
    let sum = funnelParts.none()
    for (let change = 0; change < 20; change++) {
      const at = random.below(trips.length)
      const now = trip(random.chance(0.2) ? null : random.below(5), random.below(2))
      const before = trips[at] as FunnelPart
      funnel = addToFunnel(removeFromFunnel(funnel, before), now)
      sum = funnelParts.add(funnelParts.subtract(sum, before), now)
      trips[at] = now
    }
    added = addToFunnel(added, sum)
    expect({ ...added, waits: added.waits.steps }).toEqual({ ...funnel, waits: funnel.waits.steps })
  }
})
