import { describe, expect, it } from 'vitest'
import { MessageFramer } from '../../../infra/kafka/message-framer.ts'
import { Random } from '../../support/random.ts'

function framed(messages: readonly Buffer[]): Buffer {
  return Buffer.concat(
    messages.flatMap((message) => {
      const size = Buffer.alloc(4)
      size.writeInt32BE(message.length)
      return [size, message]
    }),
  )
}

describe('MessageFramer', () => {
  it('gives the same messages however the stream is cut, in reused memory', () => {
    const random = new Random(7)
    const messages = Array.from({ length: 50 }, (_, i) => Buffer.alloc(i % 7 === 0 ? 0 : random.below(3000), i))
    const stream = framed(messages)
    for (let round = 0; round < 200; round++) {
      const got: Buffer[] = []
      const framer = new MessageFramer((message) => got.push(message))
      const memory = Buffer.alloc(8192)
      for (let at = 0; at < stream.length; ) {
        const length = Math.min(1 + random.below(round < 100 ? 12 : 8000), stream.length - at)
        stream.copy(memory, 0, at, at + length)
        framer.push(memory, length)
        at += length
      }
      expect(Buffer.concat(got).equals(Buffer.concat(messages))).toBe(true)
      expect(got.map(({ length }) => length)).toEqual(messages.map(({ length }) => length))
    }
  })

  it('refuses a size that no answer can have, and recognises a TLS record', () => {
    const push = (...bytes: number[]) => new MessageFramer(() => {}).push(Buffer.from(bytes), bytes.length)
    expect(() => push(0x15, 3, 3, 0, 2)).toThrow('the broker requires TLS')
    expect(() => push(0x48, 0x54, 0x54, 0x50)).toThrow('no answer of Kafka')
    expect(() => push(0xff, 0xff, 0xff, 0xff)).toThrow('an answer of -1 bytes')
  })
})
