import { createServer } from 'node:net'

/** Why this process cannot listen there now; null when it can. (Somebody else may be faster afterwards.) */
export function bindProblem(host: string, port: number): Promise<Error | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', resolve)
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)))
  })
}
