/** A copy with more room, which is filled. */
export function grownInts(array: Int32Array, size: number, filler = 0): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(size).fill(filler)
  larger.set(array)
  return larger
}
