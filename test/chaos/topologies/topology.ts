import { StreamsBuilder, serdes } from 'ride-streams'
import { casesOf } from './cases/index.ts'

/** One application of the cases that CHAOS_TOPOLOGIES names; each stream thread loads this module, and so does `verify`. */
const builder = new StreamsBuilder({
  defaultKeySerde: serdes.string,
  defaultValueSerde: serdes.json(),
  topologyOptimization: process.env.CHAOS_OPTIMIZATION === 'all' ? 'all' : 'none',
})
for (const one of casesOf((process.env.CHAOS_TOPOLOGIES ?? 'all').split(','))) one.add(builder)

export const topology = builder.build()
