import { isUnavailable } from '../../../runtime/ports/instance.ts'
import { StreamsError } from '../../../state/ports/errors.ts'

/** The page's words for an expected failure; null for any other failure. */
export function expectedProblem(error: unknown, aboutMissingStores: string): string | null {
  if (isUnavailable(error)) return 'stores are being restored or moved'
  // Compares the code, because errors from a worker have lost their class.
  if (!(error instanceof StreamsError) || error.code !== 'NO_SUCH_STORE') return null
  return `not computed here: ${aboutMissingStores}`
}
