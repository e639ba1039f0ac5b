import { once } from 'node:events'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { visibleText } from '../infra/terminal/index.ts'

/** Writes to stdout at the pace of its reader. On a terminal, foreign text cannot act. */
export async function stdoutSink(text: string): Promise<void> {
  const shown = process.stdout.isTTY ? text.split('\n').map((line) => visibleText(line.replace(/\r$/, ''))) : null
  if (!process.stdout.write(shown === null ? text : shown.join('\n'))) await once(process.stdout, 'drain')
}

/** A file under another name until it is whole. */
export interface PartFile {
  readonly path: string
  readonly sink: (text: string) => Promise<void>
  /** Syncs the file and gives it its name. */
  finish(): Promise<void>
  /** Removes it. */
  drop(): Promise<void>
}

/** @param opened false: somebody else opens and writes `path` */
export async function openFile(name: string, opened: boolean): Promise<PartFile> {
  const path = `${name}.part`
  const handle: FileHandle | null = opened ? await open(path, 'w') : null
  return {
    path,
    async sink(text) {
      await handle?.writeFile(text)
    },
    async finish() {
      await handle?.sync()
      await handle?.close()
      await rename(path, name)
    },
    async drop() {
      await handle?.close()
      await rm(path, { force: true })
    },
  }
}
