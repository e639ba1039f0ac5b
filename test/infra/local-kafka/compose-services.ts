import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'

export interface Service {
  readonly image: string
  readonly profiles?: readonly string[]
  readonly ports?: readonly string[]
  readonly command?: readonly string[]
  readonly volumes?: readonly string[]
  readonly environment: Readonly<Record<string, string | number>>
}

/** Services of docker-compose.yaml, by name. */
export async function composeServices(): Promise<Readonly<Record<string, Service>>> {
  const text = await readFile(join(import.meta.dirname, '../../../docker-compose.yaml'), 'utf8')
  return (parse(text, { merge: true }) as { services: Record<string, Service> }).services
}

/** Converts environment variables as the image's start script does: KAFKA_A_B -> a.b, __ -> -, ___ -> _. */
export function propertiesOfImage(environment: Service['environment']): Record<string, string> {
  const properties: Record<string, string> = {}
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith('KAFKA_')) continue
    const name = variable
      .slice('KAFKA_'.length)
      .toLowerCase()
      .replace(/_+/g, (run) => ({ 1: '.', 2: '-', 3: '_' })[run.length] ?? run)
    properties[name] = String(value)
  }
  return properties
}
