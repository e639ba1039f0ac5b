import { diskBackends } from '../../state/backends/disk-backends.ts'
import type { DiskBackend } from '../../state/ports/backend.ts'

// Writes batches for ever; the parent kills it. Each batch gives all keys the number of the batch.
const [kind, directory, task] = process.argv.slice(2) as [DiskBackend, string, string]
const backend = await diskBackends(kind, directory).open(task, 'store', { keyIndex: false })
for (let batch = (backend.position() ?? 0) + 1; ; batch++) {
  const row = Buffer.from(String(batch))
  await backend.write(
    Array.from({ length: 200 }, (_, index) => ({ key: `key-${index}`, row })),
    batch,
  )
  process.send?.(batch)
}
