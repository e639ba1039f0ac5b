import { createServer } from 'node:net'

/** Reason why this process cannot listen there now; null when it can. (Another process may still be faster.) */
export function bindProblem(host: string, port: number): Promise<Error | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', resolve)
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)))
  })
}
