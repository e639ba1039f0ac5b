/** The name of the stream thread of that index. */
export function threadName(index: number): string {
  return `stream-thread-${index}`
}
