/** The public face of infra/http/port/: what a start asks before it loads the query server. */
export { bindProblem } from './free-port.ts'
export { HttpBindError } from './http-bind-error.ts'
