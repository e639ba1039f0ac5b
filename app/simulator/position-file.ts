import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { noRoomError } from '../../state/index.ts'

/** How far a source has gone out. */
export interface Position {
  readonly source: string
  readonly events: number
  /** Among them: records that are no valid events. */
  readonly invalid: number
  /** The source has no more events. */
  readonly finished: boolean
}

/** The file's position; the beginning when it is not there or tells of another source. */
export async function readPosition(path: string, source: string): Promise<Position> {
  const beginning = { source, events: 0, invalid: 0, finished: false }
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return beginning
    throw error
  }
  const position = JSON.parse(text) as Partial<Position>
  return position.source === source ? { ...beginning, ...position } : beginning
}

/** Replaces the file as a whole. */
export async function writePosition(path: string, position: Position): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(`${path}.new`, `${JSON.stringify(position)}\n`)
    await rename(`${path}.new`, path)
  } catch (error) {
    throw noRoomError(path, error) ?? error
  }
}
