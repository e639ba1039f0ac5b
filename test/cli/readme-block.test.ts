import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { QUICK_JVM } from '../support/quick-jvm.ts'
import { projectRoot } from '../support/run-cli.ts'

it('README\'s "Use it" block runs when it is pasted whole', async () => {
  const readme = readFileSync(join(projectRoot, 'README.md'), 'utf8')
  const [, block = ''] = /## Use it\n\n```sh\n([^`]*)```/.exec(readme) ?? []
  const directory = mkdtempSync(join(tmpdir(), 'readme-'))
  try {
    // The same commands at a speed for tests, and an end. Everything is kept in a directory of its own. At that speed the application
    // falls behind, so verify waits here for offsets that stand still.
    const drained = "until bin/ride-streams lag | grep -q '^total lag 0$'; do :; done\n"
    const pasted = block
      .replace('--speed 3600', '--speed 1000000')
      .replace('ride-streams.log', `${directory}/log`)
      .replace('bin/ride-streams lag\n', (lag) => drained + lag)
    const end = 'kill $!; wait $!; echo "start ended with $?"; bin/ride-streams kafka down'
    const env = {
      PATH: process.env.PATH ?? '',
      JDK_JAVA_OPTIONS: QUICK_JVM.join(' '),
      HOME: process.env.HOME ?? '',
      XDG_DATA_HOME: join(directory, 'share'),
      STATE_DIR: join(directory, 'state'),
      HTTP_PORT: '0',
    }
    // A command that fails ends the application, too: it has the script's output open, which this test waits for.
    const cleanUp = `trap 'kill $! 2>&- || :; bin/ride-streams kafka down' EXIT`
    const script = [cleanUp, 'set -e', pasted, end].join('\n')
    const { stdout, stderr } = await promisify(execFile)('bash', ['-c', script], { cwd: projectRoot, env })
    expect(stderr.replaceAll(/^starting .*\n/gm, '')).toBe('')
    expect(stdout).toMatch(/^\d+ events \(\d+ invalid\) of 3\d\d rides in /m)
    expect(stdout).toMatch(/^total lag \d+$/m)
    expect(stdout).toMatch(/^trip\.state +\d+ +0 +0$/m)
    expect(stdout).toMatch(/^start ended with 0$/m)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
})
