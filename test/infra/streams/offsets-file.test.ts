import { expect, it } from 'vitest'
import { parseOffsets } from '../../../infra/streams/reset/offsets-file.ts'

it('offsets of a file are lines of topic, partition, offset', () => {
  expect(parseOffsets('f', 'a.b,0,17\r\n\n"c-d", 1, 0\n')).toEqual([
    { topic: 'a.b', partition: 0, offset: 17 },
    { topic: 'c-d', partition: 1, offset: 0 },
  ])
})

it.each([
  ['a,0', '--from-file: line 1 of f is not accepted, expected topic,partition,offset'],
  ['a,0,1\na,x,1', '--from-file: line 2 of f is not accepted, expected topic,partition,offset'],
  ['a,0,-1', '--from-file: line 1 of f is not accepted, expected topic,partition,offset'],
  ['a,0,1\na,0,2', '--from-file: line 2 of f names a-0 again'],
  ['', '--from-file: f has no line of topic,partition,offset'],
])('%j is refused in one line', (text, message) => {
  expect(() => parseOffsets('f', text)).toThrow(message)
})
