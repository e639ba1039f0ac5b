import { checkBatches } from '../level-files/batches.ts'
import { bytesOf, currentManifest, logsOf } from '../level-files/database-files.ts'
import { filesOf } from '../store-directory.ts'
import { readLogStart } from './manifest.ts'

/*
 * Checks whether manifest and logs of a RocksDB that nobody has open hold all that was written, up to some batch. They have LevelDB's
 * format as long as logs are not compressed. RocksDB compares all checksums, but a part that is missing as a whole has none:
 * 1. It takes zeros for the end of what was written in a block, and goes on with the next block in silence.
 * 2. It does not see that a log lost whole batches at its end, or all, when a newer log has batches: rows are missing below a newer position.
 * 3. It does not see that the manifest lost edits at its end: the tables that they name are missing below the position of the logs.
 * 4. It makes a new database when CURRENT is missing, and reads the logs into it.
 * Logs whose batches do not follow each other can also end the process, by an assertion.
 */

/** @throws DamagedFileError */
export async function checkRocksdbFiles(path: string): Promise<void> {
  const found = await filesOf(path)
  const current = await currentManifest(path, found)
  if (current === null) return
  const { firstLog, lastSequence } = readLogStart(current, await bytesOf(path, current))
  const logs = logsOf(found, (number) => number >= firstLog)
  await checkBatches(path, logs, (sequence, log) =>
    log === firstLog ? sequence <= lastSequence + 1 : sequence === lastSequence + 1,
  )
}
