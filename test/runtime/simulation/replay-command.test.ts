import { afterEach, expect, it, vi } from 'vitest'
import { replayCommand } from '../../../runtime/simulation/replay-command.ts'

const { execArgv } = process

afterEach(() => {
  vi.unstubAllEnvs()
  process.execArgv = execArgv
})

it.each([
  ['', [], ''],
  ['--experimental-vm-modules', [], 'NODE_OPTIONS=--experimental-vm-modules '],
  ['', ['--experimental-vm-modules'], 'NODE_OPTIONS=--experimental-vm-modules '],
  ['--experimental-vm-modules', ['--experimental-vm-modules'], 'NODE_OPTIONS=--experimental-vm-modules '],
  [
    '--enable-source-maps',
    ['--experimental-vm-modules'],
    "NODE_OPTIONS='--enable-source-maps --experimental-vm-modules' ",
  ],
])('in jest the command has the options of Node, NODE_OPTIONS %j and arguments %j', (given, args, expected) => {
  vi.stubEnv('VITEST', undefined)
  vi.stubEnv('JEST_WORKER_ID', '1')
  vi.stubEnv('NODE_OPTIONS', given)
  process.execArgv = args
  expect(replayCommand(7, `${process.cwd()}/test/a.test.js`)).toBe(`SIMULATE_SEED=7 ${expected}npx jest test/a.test.js`)
})
