export interface Trip {
  readonly id: string
  readonly km: number
}

export const TRIP = {
  type: 'record',
  name: 'Trip',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'km', type: 'int' },
  ],
}
