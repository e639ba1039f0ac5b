/*
 * Kafka Streams prints a topology from Java hash maps and tree sets, so its text shows their orders. Tools compare
 * that text, so we produce the same orders: how String.hashCode spreads over HashMap buckets, and where a red-black
 * tree puts an element whose sort key changes after it was inserted (the sets are filled while sizes still grow).
 */

/** java.lang.String.hashCode */
function stringHash(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i += 1) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return hash
}

/**
 * Iteration order of a java.util.HashMap/HashSet with these string keys inserted in this order.
 * `capacity`: initial table size; the table doubles when it is more than three quarters full.
 */
export function javaHashOrder(keys: Iterable<string>, capacity = 16): string[] {
  const list = [...new Set(keys)]
  let size = 1
  while (size < capacity) size *= 2
  while (list.length > size * 0.75) size *= 2
  const bucket = (key: string): number => {
    const hash = stringHash(key)
    return (hash ^ (hash >>> 16)) & (size - 1)
  }
  // Array.prototype.sort is stable: within a bucket the order of insertion stays.
  return list.sort((a, b) => bucket(a) - bucket(b))
}

/** Order of `new HashSet<>(collection)`: the table is sized for the collection at once. */
export function javaHashSetCopyOrder(keys: Iterable<string>): string[] {
  const list = [...new Set(keys)]
  return javaHashOrder(list, Math.max(Math.trunc(list.length / 0.75) + 1, 16))
}

interface TreeNode<T> {
  readonly value: T
  left: TreeNode<T> | null
  right: TreeNode<T> | null
  parent: TreeNode<T> | null
  red: boolean
}

/** A red-black tree set with the insertion algorithm of java.util.TreeMap (Cormen et al., chapter 13). */
export class TreeSet<T> {
  readonly #compare: (a: T, b: T) => number
  #root: TreeNode<T> | null = null

  constructor(compare: (a: T, b: T) => number) {
    this.#compare = compare
  }

  add(value: T): void {
    const node: TreeNode<T> = { value, left: null, right: null, parent: null, red: true }
    let parent: TreeNode<T> | null = null
    let next = this.#root
    let order = 0
    while (next !== null) {
      parent = next
      order = this.#compare(value, next.value)
      if (order === 0) return
      next = order < 0 ? next.left : next.right
    }
    node.parent = parent
    if (parent === null) this.#root = node
    else if (order < 0) parent.left = node
    else parent.right = node
    this.#fixInsertion(node)
  }

  *[Symbol.iterator](): Iterator<T> {
    yield* walk(this.#root)
  }

  #fixInsertion(inserted: TreeNode<T>): void {
    let node = inserted
    for (;;) {
      const parent = node.parent
      const grand = parent?.parent ?? null
      if (parent === null || grand === null || !parent.red) break
      const parentIsLeft = grand.left === parent
      const uncle = parentIsLeft ? grand.right : grand.left
      if (uncle?.red) {
        parent.red = false
        uncle.red = false
        grand.red = true
        node = grand
        continue
      }
      let top = parent
      if (node === (parentIsLeft ? parent.right : parent.left)) {
        this.#rotate(parent, parentIsLeft)
        top = node
        node = parent
      }
      top.red = false
      grand.red = true
      this.#rotate(grand, !parentIsLeft)
    }
    if (this.#root !== null) this.#root.red = false
  }

  #rotate(node: TreeNode<T>, left: boolean): void {
    const child = left ? node.right : node.left
    if (child === null) return
    const inner = left ? child.left : child.right
    if (left) node.right = inner
    else node.left = inner
    if (inner !== null) inner.parent = node
    child.parent = node.parent
    if (node.parent === null) this.#root = child
    else if (node.parent.left === node) node.parent.left = child
    else node.parent.right = child
    if (left) child.left = node
    else child.right = node
    node.parent = child
  }
}

function* walk<T>(node: TreeNode<T> | null): Generator<T> {
  if (node === null) return
  yield* walk(node.left)
  yield node.value
  yield* walk(node.right)
}
