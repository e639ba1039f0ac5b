import { getResolution } from 'h3-js'

/*
 * Where drivers stand in the index of driver-cells: `<a|o><13 hex digits>`.
 *
 * An H3 index is mode, resolution, base cell, and one octal digit per resolution, the unused ones 7. Without mode and
 * resolution (its first two characters) the descendants of a cell stand together, and the cell itself is the last of them,
 * whatever the resolutions are: after a change of H3_RESOLUTION the store holds cells of both.
 */

/** First character of a term. Most drivers a store has seen are not available, and a search need not go past them. */
export const AVAILABLE = 'a'
export const OTHERS = 'o'

const FINEST = 15
const BITS_PER_DIGIT = 3
const DIGITS_AND_BASE_CELL = 13

/** The term of a cell itself: the greatest of its descendants. */
export function cellTerm(cell: string): string {
  return cell.slice(2)
}

/** The least term among the descendants of a cell. */
export function firstTermIn(cell: string): string {
  const unused = 2 ** (BITS_PER_DIGIT * (FINEST - getResolution(cell))) - 1
  return (Number.parseInt(cellTerm(cell), 16) - unused).toString(16).padStart(DIGITS_AND_BASE_CELL, '0')
}
