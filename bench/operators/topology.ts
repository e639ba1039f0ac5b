import { operatorNamed, topologyOf } from './operators.ts'

/** The operator that OPERATOR names; its output goes to OPERATOR_OUT. */
export const topology = topologyOf(operatorNamed(process.env.OPERATOR ?? ''), process.env.OPERATOR_OUT ?? '')
