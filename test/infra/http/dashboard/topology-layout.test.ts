import * as dagre from '@dagrejs/dagre'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { buildPlan } from '../../../../app/ride-app.ts'
import {
  type Box,
  type Layout,
  layoutTopology,
  type Node,
  type Point,
  type Subtopology,
} from '../../../../infra/http/dashboard/page/topology-layout.ts'
import { RIDE_PROCESSORS } from '../../../../processors/ride-processors.ts'

const processors = RIDE_PROCESSORS.map(({ name }) => name)
const { subtopologies } = buildPlan({ applicationId: 'layout-test', processors }).describe()

/** Lines may touch the border of a box. */
const BORDER = 0.1

/** Liang and Barsky: the part of the segment that is inside has some length. */
function crosses(a: Point, b: Point, box: Box): boolean {
  let [from, to] = [0, 1]
  const half = { x: box.width / 2 - BORDER, y: box.height / 2 - BORDER }
  for (const axis of ['x', 'y'] as const) {
    const way = b[axis] - a[axis]
    const [low, high] = [box[axis] - half[axis] - a[axis], box[axis] + half[axis] - a[axis]]
    if (way === 0) {
      if (low >= 0 || high <= 0) return false
      continue
    }
    from = Math.max(from, Math.min(low / way, high / way))
    to = Math.min(to, Math.max(low / way, high / way))
  }
  return from < to
}

/** `from -> to crosses box` for each box that a line crosses, its own ends too. */
function crossings({ boxes, edges }: Layout): string[] {
  return edges.flatMap(({ from, to, points }) =>
    points
      .slice(1)
      .flatMap((point, index) =>
        boxes
          .filter((box) => crosses(points[index] as Point, point, box))
          .map((box) => `${from} -> ${to} crosses ${box.id}`),
      ),
  )
}

it('no line of the ride topology crosses a box, and each begins and ends at its own', () => {
  const layout = layoutTopology(dagre, subtopologies)
  expect(layout.edges.length).toBeGreaterThan(12)
  expect(crossings(layout)).toEqual([])
  for (const { from, to, points } of layout.edges) {
    const [start, end] = [from, to].map((id) => layout.boxes.find((box) => box.id === id)) as [Box, Box]
    expect(points[0]).toEqual({ x: start.x + start.width / 2, y: start.y })
    expect(points.at(-1)).toEqual({ x: end.x - end.width / 2, y: end.y })
  }
})

it('no line crosses a box, whatever reads and writes what', () => {
  const topic = fc.integer({ min: 0, max: 14 }).map((n) => `${'topic'.repeat(1 + (n % 5))}-${n}`)
  const subtopology = fc.record({
    reads: fc.uniqueArray(topic, { minLength: 1, maxLength: 3 }),
    writes: fc.uniqueArray(topic, { maxLength: 4 }),
    stores: fc.integer({ min: 0, max: 3 }),
  })
  fc.assert(
    fc.property(fc.array(subtopology, { minLength: 1, maxLength: 9 }), (drawn) => {
      const subtopologies = drawn.map(({ reads, writes, stores }, id): Subtopology => {
        const nodes: Node[] = [
          { type: 'source', name: 'source', topics: reads, successors: [] },
          ...writes.map((to): Node => ({ type: 'sink', name: to, topic: to, successors: [] })),
          { type: 'processor', name: 'fold', stores: ['a', 'bb', 'ccc'].slice(0, stores), successors: [] },
        ]
        return { id, nodes }
      })
      expect(crossings(layoutTopology(dagre, subtopologies))).toEqual([])
    }),
    { numRuns: 40 },
  )
})
