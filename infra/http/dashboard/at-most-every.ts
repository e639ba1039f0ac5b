/** Shares one reading among all calls within `ms` of its beginning, and while it is still in progress. */
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
