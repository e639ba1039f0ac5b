import { levelBackends } from '../../state/backends/level.ts'

// Writes batches for ever; the parent kills it. Each batch gives all keys the number of the batch.
const [directory, task] = process.argv.slice(2) as [string, string]
const backend = await levelBackends(directory).open(task, 'store', { keyIndex: false })
for (let batch = (backend.position() ?? 0) + 1; ; batch++) {
  const row = Buffer.from(String(batch))
  await backend.write(
    Array.from({ length: 200 }, (_, index) => ({ key: `key-${index}`, row })),
    batch,
  )
  process.send?.(batch)
}
