/* The topology of 11-why.ts without its bugs. */
import { balancesTopology } from './11-why.ts'

export const topology = balancesTopology(({ kind, amount }) => (kind === 'refunded' ? -1 : 1) * Number(amount))
