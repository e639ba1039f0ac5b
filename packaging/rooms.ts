import { join } from 'node:path'

export const ROOT = join(import.meta.dirname, '..')
export const ENGINE_ROOMS: readonly string[] = ['topology', 'state', 'runtime', 'infra']
/** Some files of cli/ are in both packages: each has a command. */
export const APPLICATION_ROOMS: readonly string[] = ['processors', 'app']

/** Files and folders of the rooms that are read at run time. They lie in the packages as they do in the sources. */
export const READ_AT_RUN_TIME = {
  engine: ['infra/local-kafka/watched.sh', 'infra/http/dashboard/page'],
  application: ['app/http/dashboard/page', 'data'],
} as const

/** The name by which the application's package imports a face of the engine; null: the path leads to no room of the engine. */
export function engineFace(path: string): string | null {
  const room = path.slice(0, path.indexOf('/'))
  if (!ENGINE_ROOMS.includes(room)) return null
  const face = /^(.+)\/index\.(?:d\.)?[jt]s$/.exec(path)?.[1]
  if (face === undefined) throw new Error(`${path} is no face of the engine`)
  return `ride-streams/internal/${face}`
}
