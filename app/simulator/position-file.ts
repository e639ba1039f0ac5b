import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { noRoomError } from '../../state/index.ts'

interface Position {
  readonly source: string
  readonly events: number
}

/** How many events of that source went out already, by the file; 0 when it is not there or tells of another source. */
export async function readPosition(path: string, source: string): Promise<number> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0
    throw error
  }
  const position = JSON.parse(text) as Position
  return position.source === source ? position.events : 0
}

/** Replaces the file as a whole. */
export async function writePosition(path: string, source: string, events: number): Promise<void> {
  const position: Position = { source, events }
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFile(`${path}.new`, `${JSON.stringify(position)}\n`)
    await rename(`${path}.new`, path)
  } catch (error) {
    throw noRoomError(path, error) ?? error
  }
}
