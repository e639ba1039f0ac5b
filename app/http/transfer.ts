import type { FastifyInstance } from 'fastify'

export interface TransferOptions {
  /** Origins of pages that may read answers and open WebSockets; null: only the server's own. */
  readonly httpCorsOrigins?: readonly string[] | null
  /** Answers of so many bytes are compressed; 0 = none. */
  readonly httpGzipMinBytes?: number
  /** Answers carry an ETag. */
  readonly httpEtag?: boolean
}

/** Headers of answers that a page of another origin may read. */
const EXPOSED = ['etag', 'retry-after', 'x-request-id', 'x-store-lag', 'x-store-role']
const PREFLIGHT_KEPT_S = 600

/** How answers travel: CORS, ETag and gzip, each only where a setting says so. A setting that is off costs no request anything. */
export async function addTransfer(app: FastifyInstance, options: TransferOptions): Promise<void> {
  const { httpCorsOrigins: origins = null, httpGzipMinBytes: threshold = 0, httpEtag = false } = options
  if (origins !== null) {
    const { default: cors } = await import('@fastify/cors')
    const origin = origins.includes('*') ? '*' : [...origins]
    await app.register(cors, { origin, exposedHeaders: EXPOSED, maxAge: PREFLIGHT_KEPT_S, methods: ['GET', 'HEAD'] })
  }
  if (httpEtag) {
    const { default: etag } = await import('@fastify/etag')
    await app.register(etag, { weak: true })
  }
  if (threshold > 0) {
    const { default: compress } = await import('@fastify/compress')
    app.addHook('onRoute', (route) => {
      if (route.config?.isQuick === true) route.compress = false
    })
    await app.register(compress, { threshold, encodings: ['gzip'], globalDecompression: false })
  }
}
