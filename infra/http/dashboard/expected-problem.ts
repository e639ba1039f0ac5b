import { isUnavailable } from '../../../runtime/ports/instance.ts'
import { StreamsError } from '../../../state/ports/errors.ts'

/** How a failure that is part of life reads on the page; null: it is another. */
export function expectedProblem(error: unknown, aboutMissingStores: string): string | null {
  if (isUnavailable(error)) return 'stores are being restored or moved'
  // By code: errors that come from a worker have lost their class.
  if (!(error instanceof StreamsError) || error.code !== 'NO_SUCH_STORE') return null
  return `not computed here: ${aboutMissingStores}`
}
