import { StreamsError } from '../../../state/ports/errors.ts'

/** The host and port cannot be bound: choose others (HTTP_HOST, HTTP_PORT) or stop the other process. */
export class HttpBindError extends StreamsError {
  constructor(host: string, port: number, cause: unknown) {
    const isTaken = (cause as NodeJS.ErrnoException).code === 'EADDRINUSE'
    const where = `cannot listen on HTTP_HOST ${host}, HTTP_PORT ${port}`
    super('HTTP_BIND', isTaken ? `${where}: another process uses the port` : where, isTaken ? {} : { cause })
  }
}
