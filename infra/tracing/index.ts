/** The public face of infra/tracing/. It loads the tracing code only when something is traced. */
import type { Config } from '../config/index.ts'
import type { Tracing } from './otel-tracing.ts'

export type { Tracing }

/** Traces as the settings say; null: nothing is traced. @param onLost called for spans that could not be delivered */
export async function tracingOf(
  { otelEndpoint, otelSamplerArg, applicationId }: Pick<Config, 'otelEndpoint' | 'otelSamplerArg' | 'applicationId'>,
  { instanceId, onLost }: { readonly instanceId: string; readonly onLost: (error: Error) => void },
): Promise<Tracing | null> {
  if (otelEndpoint === null) return null
  const { openTracing } = await import('./otel-tracing.ts')
  return openTracing({ endpoint: otelEndpoint, ratio: otelSamplerArg, applicationId, instanceId }, onLost)
}
