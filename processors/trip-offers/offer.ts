export const MAX_OFFERS = 10
export const OFFER_RADIUS_M = 5000
