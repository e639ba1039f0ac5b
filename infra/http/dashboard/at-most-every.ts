/** The same reading for all who ask within `ms` of its beginning, or while it is still under way. */
export function atMostEvery<T>(ms: number, read: () => Promise<T>): () => Promise<T> {
  let last: { readonly at: number; readonly reading: Promise<T>; done: boolean } | null = null
  return () => {
    const now = performance.now()
    if (last !== null && (!last.done || now - last.at < ms)) return last.reading
    const mine = { at: now, reading: read(), done: false }
    last = mine
    const end = (): void => {
      mine.done = true
    }
    mine.reading.then(end, end)
    return mine.reading
  }
}
