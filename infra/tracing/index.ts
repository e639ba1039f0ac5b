/** The public face of infra/tracing/. It loads the tracing code only when something is traced. */
import type { Config } from '../config/index.ts'
import type { Tracing, TracingConfig } from './otel-tracing.ts'

export type { Tracing, TracingConfig }

/**
 * The settings of traces, as plain data; null: nothing is traced.
 * @param instanceId id of the process in the group: all spans of a process have the same resource
 */
export function tracingConfig(
  { otelEndpoint, otelSamplerArg, applicationId }: Pick<Config, 'otelEndpoint' | 'otelSamplerArg' | 'applicationId'>,
  instanceId: string,
): TracingConfig | null {
  return otelEndpoint === null ? null : { endpoint: otelEndpoint, ratio: otelSamplerArg, applicationId, instanceId }
}

/** @param onLost called for spans that could not be delivered */
export async function tracingOf(config: TracingConfig | null, onLost: (error: Error) => void): Promise<Tracing | null> {
  if (config === null) return null
  const { openTracing } = await import('./otel-tracing.ts')
  return openTracing(config, onLost)
}
