import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { BOROUGHS } from '../../../../app/http/dashboard/page/map/boroughs.ts'
import { projectRoot } from '../../../support/run-cli.ts'

type Place = readonly [lat: number, lng: number]

const zones = readFileSync(join(projectRoot, 'data/nyc-taxi-zones.csv'), 'utf8')
  .trim()
  .split('\n')
  .slice(1)
  .map((line) => line.split(','))
  .map(([, , borough, lat, lng]) => ({ borough, place: [Number(lat), Number(lng)] as Place }))

/** Twice the area of the triangle; positive: against the clock. */
const turn = ([aLat, aLng]: Place, [bLat, bLng]: Place, [cLat, cLng]: Place): number =>
  (bLng - aLng) * (cLat - aLat) - (bLat - aLat) * (cLng - aLng)

it('the map has the outline of each borough that has more than two taxi zones', () => {
  const counts = Map.groupBy(zones, ({ borough }) => borough)
  const large = [...counts].filter(([, some]) => some.length > 2).map(([borough]) => borough)
  expect(BOROUGHS.map(({ name }) => name)).toEqual(large.sort())
})

it.each(BOROUGHS)('the outline of $name goes through centres of its zones, and has all of them inside', (borough) => {
  const { name, outline } = borough
  const centres = zones.filter((zone) => zone.borough === name).map(({ place }) => place)
  for (const corner of outline) expect(centres).toContainEqual(corner)
  outline.forEach((corner, index) => {
    const next = outline[(index + 1) % outline.length] as Place
    for (const centre of centres) expect(turn(corner, next, centre)).toBeGreaterThanOrEqual(0)
  })
})
