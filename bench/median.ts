/** The median item by that measure, the lower of two. @throws RangeError for an empty list */
export function medianBy<T>(items: readonly T[], of: (item: T) => number): T {
  const sorted = [...items].sort((a, b) => of(a) - of(b))
  const middle = sorted[Math.floor((sorted.length - 1) / 2)]
  if (middle === undefined) throw new RangeError('the median of nothing')
  return middle
}
