import { expect, it } from 'vitest'
import { nextCell } from '../../../../app/http/dashboard/page/map/next-cell.ts'

const at = (x: number, y: number) => ({ at: { x, y } })

it('an arrow goes to the nearest cell in its direction, and to none where there is none', () => {
  const cells = new Map([
    ['middle', at(0, 0)],
    ['right', at(10, 0)],
    ['far right', at(25, 0)],
    ['upper right', at(5, -9)],
    ['below', at(1, 9)],
  ])
  const from = (name: string) => cells.get(name)?.at ?? { x: 0, y: 0 }
  const right = { x: 1, y: 0 }
  const walk = [nextCell(cells, from('middle'), right), nextCell(cells, from('right'), right)]
  expect(walk).toEqual(['right', 'far right'])
  expect(nextCell(cells, from('far right'), right)).toBeNull()
  expect(nextCell(cells, from('middle'), { x: 0, y: -1 })).toBe('upper right')
  expect(nextCell(cells, from('middle'), { x: 0, y: 1 })).toBe('below')
  expect(nextCell(cells, from('middle'), { x: -1, y: 0 })).toBeNull()
})
