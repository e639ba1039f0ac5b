import { afterAll, beforeAll, expect, vi } from 'vitest'

/*
 * Setup of test files that share a process, and so its modules and globals (see vitest.config.ts). A file which would
 * change what the next file finds fails here, in its own name.
 */

const refuse = () => {
  throw new Error('A module stays mocked for the next test files of this process: put this file into another directory')
}
Object.assign(vi, { mock: refuse, doMock: refuse })

const shared = () => ({
  environment: { ...process.env },
  directory: process.cwd(),
  listeners: Object.fromEntries(process.eventNames().map((event) => [String(event), process.listenerCount(event)])),
  globals: Object.getOwnPropertyNames(globalThis).sort(),
  replaceable: [Date, Date.now, performance.now, Math.random, setTimeout, setInterval, setImmediate, fetch],
})

let before: ReturnType<typeof shared>
beforeAll(() => {
  before = shared()
})
afterAll(() => expect(shared(), 'what this file leaves behind').toEqual(before))
