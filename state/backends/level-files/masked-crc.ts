import { crc32c } from '@node-rs/crc32'

const MASK_DELTA = 0xa282ead8

/** True when `bytes` have this checksum. LevelDB stores CRC-32C rotated and with a constant added (util/crc32c.h). */
export function hasMaskedCrc(bytes: Buffer, masked: number): boolean {
  const rotated = (masked - MASK_DELTA) >>> 0
  return crc32c(bytes) === ((rotated >>> 17) | (rotated << 15)) >>> 0
}
