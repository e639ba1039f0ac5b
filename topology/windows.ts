import { StreamsTopologyError } from '../state/ports/errors.ts'
import type { Window } from '../state/ports/stores.ts'
import { aWholeNumber } from './given.ts'

/*
 * Windows as plain objects, all times in milliseconds. Grace is how long after its end (in stream time) a window still
 * takes late records; it is 0 unless given.
 */

/** Windows of fixed size, aligned to the epoch: tumbling, or hopping when they advance by less than their size. */
export interface TimeWindows {
  readonly kind: 'time'
  readonly sizeMs: number
  readonly advanceMs: number
  readonly graceMs: number
}

/** Windows of fixed size aligned to the records: one for every set of records within `timeDifferenceMs` of each other. */
export interface SlidingWindows {
  readonly kind: 'sliding'
  readonly timeDifferenceMs: number
  readonly graceMs: number
}

/** Windows that last until there was no record for `inactivityGapMs`. */
export interface SessionWindows {
  readonly kind: 'session'
  readonly inactivityGapMs: number
  readonly graceMs: number
}

/** Records join when the other's timestamp is within [own - beforeMs, own + afterMs], seen from the left stream. */
export interface JoinWindows {
  readonly beforeMs: number
  readonly afterMs: number
  readonly graceMs: number
}

/** When a windowed aggregate is sent on: at every update, or once when the window is closed. */
export type EmitStrategy = 'on-window-update' | 'on-window-close'

export function timeWindows(options: {
  readonly sizeMs: number
  readonly advanceMs?: number | undefined
  readonly graceMs?: number | undefined
}): TimeWindows {
  const { sizeMs, advanceMs = sizeMs, graceMs = 0 } = options
  aWholeNumber('sizeMs', sizeMs, 1)
  aWholeNumber('advanceMs', advanceMs, 1)
  if (advanceMs > sizeMs) throw new StreamsTopologyError('windows must not advance by more than their size')
  aWholeNumber('graceMs', graceMs, 0)
  return { kind: 'time', sizeMs, advanceMs, graceMs }
}

export function slidingWindows(options: {
  readonly timeDifferenceMs: number
  readonly graceMs?: number | undefined
}): SlidingWindows {
  const { timeDifferenceMs, graceMs = 0 } = options
  aWholeNumber('timeDifferenceMs', timeDifferenceMs, 0)
  aWholeNumber('graceMs', graceMs, 0)
  return { kind: 'sliding', timeDifferenceMs, graceMs }
}

export function sessionWindows(options: {
  readonly inactivityGapMs: number
  readonly graceMs?: number | undefined
}): SessionWindows {
  const { inactivityGapMs, graceMs = 0 } = options
  aWholeNumber('inactivityGapMs', inactivityGapMs, 1)
  aWholeNumber('graceMs', graceMs, 0)
  return { kind: 'session', inactivityGapMs, graceMs }
}

/** `timeDifferenceMs` stands for both sides; `beforeMs` and `afterMs` override it. They may be negative. */
export function joinWindows(options: {
  readonly timeDifferenceMs?: number | undefined
  readonly beforeMs?: number | undefined
  readonly afterMs?: number | undefined
  readonly graceMs?: number | undefined
}): JoinWindows {
  const { timeDifferenceMs = 0, beforeMs = timeDifferenceMs, afterMs = timeDifferenceMs, graceMs = 0 } = options
  aWholeNumber('graceMs', graceMs, 0)
  aWholeNumber('beforeMs', beforeMs, Number.MIN_SAFE_INTEGER)
  aWholeNumber('afterMs', afterMs, Number.MIN_SAFE_INTEGER)
  if (!Number.isSafeInteger(beforeMs + afterMs) || beforeMs + afterMs < 0)
    throw new StreamsTopologyError('a join window must not end before it begins')
  return { beforeMs, afterMs, graceMs }
}

/** Starts of the windows a timestamp falls into, ascending. */
export function windowStarts({ sizeMs, advanceMs }: TimeWindows, timestamp: number): number[] {
  const starts: number[] = []
  let start = Math.floor(Math.max(0, timestamp - sizeMs + advanceMs) / advanceMs) * advanceMs
  for (; start <= timestamp; start += advanceMs) starts.push(start)
  return starts
}

/** Size of the windows' keys, as windowed serdes need it. */
export function windowSize(windows: TimeWindows | SlidingWindows): number {
  return windows.kind === 'time' ? windows.sizeMs : windows.timeDifferenceMs
}

export function window(start: number, end: number): Window {
  return { start, end }
}
