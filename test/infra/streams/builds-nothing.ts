import { StreamsBuilder } from '../../../topology/index.ts'

export const topology = new StreamsBuilder().build()
