import { StreamsBuilder } from 'ride-streams'
import { OPERATORS } from './operators.ts'

/** The operator that OPERATOR names; its output goes to OPERATOR_OUT. */
const builder = new StreamsBuilder()
OPERATORS[process.env.OPERATOR ?? '']?.add(builder, process.env.OPERATOR_OUT ?? '')

export const topology = builder.build()
