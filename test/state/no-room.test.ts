import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, expect, it } from 'vitest'
import { noRoomError } from '../../state/no-room.ts'

const directory = mkdtempSync(join(tmpdir(), 'no-room-'))
afterAll(() => rmSync(directory, { recursive: true }))

it('a disk without room is named when the state directory is opened: its path and STATE_DIR', async () => {
  const module = join(import.meta.dirname, '../../state/state-directory.ts')
  const program = `const { StateDirectory } = await import(${JSON.stringify(module)})
    await StateDirectory.open({ stateDir: ${JSON.stringify(directory)}, applicationId: 'a' })
      .then(() => console.log('opened'), (error) => console.log(error.code, error.message))`
  // No file may grow: the same as a full disk, for one process. Its output is a pipe.
  const script = `trap '' XFSZ; ulimit -f 0; exec "$0" --input-type=module -e "$1"`
  const { stdout } = await promisify(execFile)('sh', ['-c', script, process.execPath, program])
  expect(stdout).toMatch(
    new RegExp(
      `^STATE_DIRECTORY no room in the state directory .STATE_DIR.: ${directory}/a: .*File too large.*: make room and start again`,
    ),
  )
})

it('finds a full disk behind other errors, and nothing else', () => {
  const full = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
  const message = 'no room in the state directory (STATE_DIR): /s/dev-feed.json: ENOSPC: no space left on device, write'
  expect(noRoomError('/s/dev-feed.json', new Error('cannot write', { cause: full }))?.message).toContain(message)
  expect(noRoomError('/s', new Error('permission denied'))).toBeNull()
})
