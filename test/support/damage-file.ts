import { open, stat, truncate } from 'node:fs/promises'
import type { Random } from './random.ts'

/** A page that was never written, a bit that fell over, an end that is missing. */
export const DAMAGES = ['page', 'bit', 'cut'] as const
export type Damage = (typeof DAMAGES)[number]

const PAGE = 4096

/** Damages a file in place, as a bad disk does. It must have a byte at least. Answers where. */
export async function damageFile(path: string, damage: Damage, random: Random): Promise<number> {
  const { size } = await stat(path)
  const at = random.below(size)
  if (damage === 'cut') {
    await truncate(path, at)
    return at
  }
  const file = await open(path, 'r+')
  try {
    if (damage === 'page') {
      const from = at - (at % PAGE)
      await file.write(Buffer.alloc(Math.min(PAGE, size - from)), 0, undefined, from)
      return from
    }
    const byte = Buffer.alloc(1)
    await file.read(byte, 0, 1, at)
    byte[0] = (byte[0] as number) ^ (1 << random.below(8))
    await file.write(byte, 0, 1, at)
    return at
  } finally {
    await file.close()
  }
}
