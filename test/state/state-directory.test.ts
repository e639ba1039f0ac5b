import { fork } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ClassicLevel } from 'classic-level'
import { afterAll, describe, expect, it } from 'vitest'
import { levelBackends } from '../../state/backends/level.ts'
import { StateDirectoryError, StoreCorruptedError, StreamsConfigError } from '../../state/ports/errors.ts'
import { StateDirectory } from '../../state/state-directory.ts'

const root = mkdtempSync(join(tmpdir(), 'ride-streams-directory-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let directories = 0
const fresh = (): { stateDir: string; applicationId: string } => ({
  stateDir: join(root, String(directories++)),
  applicationId: 'app',
})

describe('StateDirectory', () => {
  it('creates a process id once and keeps it', async () => {
    const options = fresh()
    const first = await StateDirectory.open(options)
    expect(first.processId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(first.path).toBe(join(options.stateDir, 'app'))
    await first.close()
    const second = await StateDirectory.open(options)
    expect(second.processId).toBe(first.processId)
    await second.close()
  })

  it('drops stores from before a replay, once', async () => {
    const options = fresh()
    const directory = await StateDirectory.open(options)
    mkdirSync(join(directory.path, '0_0', 'counts'), { recursive: true })
    await directory.adoptEpoch(0)
    expect(await directory.taskIds()).toEqual(['0_0'])
    await directory.adoptEpoch(5)
    expect(await directory.taskIds()).toEqual([])
    mkdirSync(join(directory.path, '0_1', 'counts'), { recursive: true })
    await directory.close()
    const again = await StateDirectory.open(options)
    await again.adoptEpoch(5)
    expect(await again.taskIds()).toEqual(['0_1'])
    await again.close()
  })

  it('gives different applications different ids and locks', async () => {
    const { stateDir } = fresh()
    const one = await StateDirectory.open({ stateDir, applicationId: 'one' })
    const two = await StateDirectory.open({ stateDir, applicationId: 'two' })
    expect(one.processId).not.toBe(two.processId)
    await one.close()
    await two.close()
  })

  it('is refused while another process holds it, and free as soon as that process is killed with -9', async () => {
    const options = fresh()
    const child = fork(
      fileURLToPath(new URL('./state-directory-holder.child.ts', import.meta.url)),
      [options.stateDir, options.applicationId],
      { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] },
    )
    const processId = await new Promise((resolve) => child.once('message', resolve))
    await expect(StateDirectory.open(options)).rejects.toThrow(/in use by another process/)
    await expect(StateDirectory.open(options)).rejects.toBeInstanceOf(StateDirectoryError)
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
    const directory = await StateDirectory.open(options)
    expect(directory.processId).toBe(processId)
    await directory.close()
  })

  it('refuses a directory of another program and changes nothing in it', async () => {
    const options = fresh()
    const path = join(options.stateDir, 'app')
    mkdirSync(join(path, '0_0'), { recursive: true })
    writeFileSync(join(path, 'photo.jpg'), 'x')
    await expect(StateDirectory.open(options)).rejects.toBeInstanceOf(StateDirectoryError)
    expect(readdirSync(path).sort()).toEqual(['0_0', 'photo.jpg'])
  })

  it('refuses a newer format', async () => {
    const options = fresh()
    await (await StateDirectory.open(options)).close()
    const meta = new ClassicLevel(join(options.stateDir, 'app', '.meta'))
    await meta.put('format', '2')
    await meta.close()
    await expect(StateDirectory.open(options)).rejects.toThrow(/has format 2, this version knows 1/)
  })

  it('refuses stores whose format marker is lost', async () => {
    const options = fresh()
    const path = join(options.stateDir, 'app')
    const meta = new ClassicLevel(join(path, '.meta'))
    await meta.open()
    await meta.close()
    mkdirSync(join(path, '0_1'))
    await expect(StateDirectory.open(options)).rejects.toThrow(/no format marker/)
    expect(existsSync(join(path, '0_1'))).toBe(true)
  })

  it('completes an interrupted first open', async () => {
    const options = fresh()
    const meta = new ClassicLevel(join(options.stateDir, 'app', '.meta'))
    await meta.open()
    await meta.close()
    const directory = await StateDirectory.open(options)
    expect(directory.processId).toHaveLength(36)
    await directory.close()
  })

  it('lists the tasks that have data', async () => {
    const options = fresh()
    const directory = await StateDirectory.open(options)
    for (const task of ['1_0', '0_2']) {
      await (await levelBackends(directory.path).open(task, 's', { keyIndex: false })).close()
    }
    expect(await directory.taskIds()).toEqual(['0_2', '1_0'])
    await directory.close()
  })

  it('removes the data of one task only, and finishes an interrupted removal', async () => {
    const options = fresh()
    const directory = await StateDirectory.open(options)
    for (const task of ['1_0', '0_2', '0_3']) {
      await (await levelBackends(directory.path).open(task, 's', { keyIndex: false })).close()
    }
    await directory.removeTask('0_2')
    expect(await directory.taskIds()).toEqual(['0_3', '1_0'])
    await expect(directory.removeTask('7_7')).rejects.toBeInstanceOf(StateDirectoryError)
    mkdirSync(join(directory.path, '.removed-1_1', 's'), { recursive: true })
    const { processId } = directory
    await directory.close()
    const again = await StateDirectory.open(options)
    expect(again.processId).toBe(processId)
    expect(readdirSync(again.path).sort()).toEqual(['.meta', '0_3', '1_0'])
    await again.close()
  })

  it('refuses application ids that cannot name a directory', async () => {
    const { stateDir } = fresh()
    for (const applicationId of ['', '..', 'a/b', 'ü']) {
      await expect(StateDirectory.open({ stateDir, applicationId })).rejects.toBeInstanceOf(StreamsConfigError)
    }
  })

  it('explains why the path cannot be a directory', async () => {
    const options = fresh()
    writeFileSync(options.stateDir, 'a file')
    await expect(StateDirectory.open(options)).rejects.toBeInstanceOf(StateDirectoryError)
  })
})

describe('state in use', () => {
  /** A directory with one task, as it is on disk while `bootId` uses it. */
  const cutOff = async (bootId: string): Promise<{ stateDir: string; applicationId: string }> => {
    const [used, left] = [fresh(), fresh()]
    const directory = await StateDirectory.open({ ...used, bootId })
    await (await levelBackends(directory.path).open('0_0', 's', { keyIndex: false })).close()
    cpSync(directory.path, join(left.stateDir, 'app'), { recursive: true })
    await directory.close()
    return left
  }

  it('is kept when only the process crashed', async () => {
    const directory = await StateDirectory.open({ ...(await cutOff('first')), bootId: 'first' })
    expect([await directory.taskIds(), directory.distrusted]).toEqual([['0_0'], []])
    await directory.close()
  })

  it('is removed once when the machine crashed', async () => {
    const options = await cutOff('first')
    const directory = await StateDirectory.open({ ...options, bootId: 'second' })
    expect([await directory.taskIds(), directory.distrusted]).toEqual([[], ['0_0']])
    mkdirSync(join(directory.path, '0_1', 's'), { recursive: true })
    await directory.close()
    const again = await StateDirectory.open({ ...options, bootId: 'third' })
    expect([await again.taskIds(), again.distrusted, again.processId]).toEqual([['0_1'], [], directory.processId])
    await again.close()
  })
})

describe('a damaged level store', () => {
  const options = { keyIndex: false }
  const filled = async (): Promise<{ path: string; factory: ReturnType<typeof levelBackends> }> => {
    const path = join(root, `damaged-${directories++}`)
    const factory = levelBackends(path)
    const store = await factory.open('0_0', 'rows', options)
    for (let batch = 1; batch <= 3; batch++) {
      await store.write(
        Array.from({ length: 500 }, (_, index) => ({ key: `${batch}-${index}`, row: Buffer.alloc(50, batch) })),
        batch,
      )
    }
    await store.close()
    // Opening once more turns the log into a table file.
    await (await factory.open('0_0', 'rows', options)).close()
    return { path, factory }
  }

  it('asks for a wipe and restore, and is usable after destroy', async () => {
    const { path, factory } = await filled()
    const files = readdirSync(join(path, '0_0', 'rows'))
    const table = files.find((name) => name.endsWith('.ldb')) as string
    rmSync(join(path, '0_0', 'rows', table))
    const failure = await factory.open('0_0', 'rows', options).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(StoreCorruptedError)
    expect(failure).toMatchObject({ code: 'STORE_CORRUPTED', taskId: '0_0', storeName: 'rows' })
    await factory.destroy('0_0', 'rows')
    const store = await factory.open('0_0', 'rows', options)
    expect([store.position(), store.get('1-1')]).toEqual([null, undefined])
    await store.close()
  })

  it('is detected when the manifest is missing', async () => {
    const { path, factory } = await filled()
    for (const name of readdirSync(join(path, '0_0', 'rows'))) {
      if (name.startsWith('MANIFEST')) rmSync(join(path, '0_0', 'rows', name))
    }
    await expect(factory.open('0_0', 'rows', options)).rejects.toBeInstanceOf(StoreCorruptedError)
  })

  it('never serves rows without their position', async () => {
    const { path, factory } = await filled()
    const db = new ClassicLevel(join(path, '0_0', 'rows'))
    await db.del('\u0100meta')
    await db.close()
    await expect(factory.open('0_0', 'rows', options)).rejects.toBeInstanceOf(StoreCorruptedError)
  })

  it('written before rows had checksums is rebuilt', async () => {
    const { path, factory } = await filled()
    const db = new ClassicLevel<string, Buffer>(join(path, '0_0', 'rows'), { valueEncoding: 'buffer' })
    await db.put('\u0100meta', Buffer.alloc(17, 1))
    await db.close()
    await expect(factory.open('0_0', 'rows', options)).rejects.toBeInstanceOf(StoreCorruptedError)
  })

  it('reports a row that is damaged while it is open, to point reads and to scans', async () => {
    const path = join(root, `damaged-${directories++}`)
    const factory = levelBackends(path)
    const rows = Array.from({ length: 40 }, (_, n) => ({ key: `key-${n}`, row: randomBytes(200) }))
    const rowOf = (n: number): Buffer => rows[n]?.row ?? Buffer.alloc(0)
    const first = await factory.open('0_0', 'rows', options)
    await first.write(rows, 1)
    await first.close()
    // Opening it makes a table of the log; closing it again lets the table be found by name.
    const store = await factory.open('0_0', 'rows', options)
    const table = readdirSync(join(path, '0_0', 'rows')).find((name) => name.endsWith('.ldb')) as string
    const file = join(path, '0_0', 'rows', table)
    const bytes = readFileSync(file)
    const at = bytes.indexOf(rowOf(7).subarray(100, 120))
    bytes[at] = (bytes[at] as number) ^ 1
    const handle = openSync(file, 'r+')
    writeSync(handle, bytes, at, 1, at)
    closeSync(handle)
    expect(() => store.get('key-7')).toThrow(/rows has a row that fails its checksum: "key-7"/)
    const scan = async (): Promise<void> => {
      for await (const _ of store.scan({}));
    }
    await expect(scan()).rejects.toBeInstanceOf(StoreCorruptedError)
    expect(store.get('key-8')).toEqual(rowOf(8))
    await store.close()
  })

  it('is refused while it is open elsewhere', async () => {
    const { factory } = await filled()
    const store = await factory.open('0_0', 'rows', options)
    await expect(factory.open('0_0', 'rows', options)).rejects.toBeInstanceOf(StateDirectoryError)
    expect(store.position()).toBe(3)
    await store.close()
  })

  it('finishes an interrupted wipe', async () => {
    const { path, factory } = await filled()
    mkdirSync(join(path, '0_0', 'rows.wiped'))
    writeFileSync(join(path, '0_0', 'rows.wiped', 'CURRENT'), '')
    const store = await factory.open('0_0', 'rows', options)
    expect([store.position(), readdirSync(join(path, '0_0'))]).toEqual([3, ['rows']])
    await store.close()
  })

  it('refuses names that would leave the directory', async () => {
    const factory = levelBackends(join(root, 'names'))
    for (const name of ['..', 'a/b', '.hidden', '', 'x.wiped']) {
      await expect(async () => factory.open('0_0', name, options)).rejects.toBeInstanceOf(StreamsConfigError)
    }
  })
})
