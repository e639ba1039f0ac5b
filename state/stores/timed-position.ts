/*
 * Places in the order of a window or session store: time, key, what follows. A storage key is `segment | key | time | tail`, which
 * sorts by key first; a position sorts by time first and is the same in every task and instance.
 */
import { encodeLong } from '../keys/binary-number.ts'
import { SEGMENT_BYTES } from './segments.ts'

export const TIME_BYTES = 8

export function positionOf(storageKey: string, tailBytes: number): string {
  const keyEnd = storageKey.length - TIME_BYTES - tailBytes
  const time = storageKey.slice(keyEnd, keyEnd + TIME_BYTES)
  return time + closed(storageKey.slice(SEGMENT_BYTES, keyEnd)) + storageKey.slice(keyEnd + TIME_BYTES)
}

/** The range of a key's rows at a time. */
export function placesOf(time: number, key: string): { readonly first: string; readonly last: string } {
  const first = encodeLong(time) + closed(key)
  return { first, last: `${first}\xff\xff\xff\xff\xff\xff\xff\xff\xff` }
}

/** Ends a key so that no key is the beginning of another, and keeps their order: 0 becomes 0 255, and 0 0 ends the key. */
function closed(key: string): string {
  return `${key.includes('\0') ? key.replaceAll('\0', '\0\xff') : key}\0\0`
}
