import { StateDirectoryError } from './ports/errors.ts'

/** ENOSPC, EDQUOT, EFBIG: as codes of Node, and in the words of the C library. */
const CODES: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG'])
const WORDS = /No space left on device|[Qq]uota exceeded|File too large/

function isNoRoom(error: unknown): boolean {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (CODES.has((at as NodeJS.ErrnoException).code) || WORDS.test(at.message)) return true
  }
  return false
}

/** A full disk as the error that says what to do; null: it is another failure. @param path where the write failed */
export function noRoomError(path: string, error: unknown): StateDirectoryError | null {
  if (!isNoRoom(error)) return null
  let detail = ''
  for (let at = error; at instanceof Error; at = at.cause) detail = at.message
  return new StateDirectoryError(
    `no room in the state directory (STATE_DIR): ${path}: ${detail}: make room and start again, nothing is lost`,
    { cause: error },
  )
}
