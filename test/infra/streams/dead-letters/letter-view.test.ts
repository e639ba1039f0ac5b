import { expect, it } from 'vitest'
import { type DeadLetter, letterView } from '../../../../infra/streams/dead-letters/index.ts'

it('bytes of a dead letter that are no text are hex', () => {
  const given = (value: Buffer | null): DeadLetter => ({
    partition: 0,
    offset: 7,
    timestamp: 0,
    key: null,
    value,
    headers: [],
    source: null,
    reason: '',
    exception: '',
    message: '',
  })
  const values = [Buffer.from('é\n'), Buffer.from('no \ufffd'), Buffer.from([0x61, 0xff]), Buffer.alloc(4), null]
  expect(values.map((value) => letterView(given(value)).value)).toEqual([
    { text: 'é\n' },
    { text: 'no \ufffd' },
    { hex: '61ff' },
    { hex: '00000000' },
    {},
  ])
})
