import { JsonText } from '../json-text.ts'
import { fieldsOf } from '../shape.ts'
import type { OfferRequest } from './asked-batch.ts'
import type { FoundDriver, FoundDrivers } from './found-batch.ts'
import { MAX_OFFERS } from './offer.ts'
import { offersSchema } from './offers-schema.ts'

const OFFER = fieldsOf(offersSchema)
const PICKUP = fieldsOf(offersSchema.properties.pickup)
const DRIVER = fieldsOf(offersSchema.properties.offers.items)

/*
 * Writes the values of trip.offers, the very text that JSON.stringify makes of TripOffers, from the bytes of the answers: ids are copied,
 * and positions of whole units are printed as such.
 */
export class OfferText {
  readonly #json = new JsonText()

  /** @param found its next request is this one */
  write([tripId, at, lat, lng, address]: OfferRequest, found: FoundDrivers): string {
    const json = this.#json
    json.string(OFFER.tripId, tripId)
    json.instant(OFFER.requestedAt, at)
    json.object(OFFER.pickup, { lat, lng, address }, (to, pickup) => {
      to.number(PICKUP.lat, pickup.lat)
      to.number(PICKUP.lng, pickup.lng)
      to.string(PICKUP.address, pickup.address)
    })
    json.objects(OFFER.offers)
    let drivers = 0
    for (let driver = found.begin(); driver !== null && drivers < MAX_OFFERS; driver = found.next()) {
      if (drivers++ > 0) json.nextObject()
      this.#driver(driver)
    }
    json.endObjects(drivers === 0)
    return json.take()
  }

  #driver(driver: FoundDriver): void {
    const json = this.#json
    json.utf8(DRIVER.driverId, driver.beginning, driver.bytes, driver.idFrom, driver.end)
    json.number(DRIVER.distanceMeters, driver.distance)
    if (driver.isWide) {
      json.number(DRIVER.lat, driver.lat)
      json.number(DRIVER.lng, driver.lng)
    } else {
      json.units(DRIVER.lat, driver.latUnits)
      json.units(DRIVER.lng, driver.lngUnits)
    }
  }
}
