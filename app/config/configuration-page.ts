import { variables, variablesTable } from '../../infra/config/index.ts'
import { rideVariables } from './ride-variables.ts'

/** docs/configuration.md, generated from the tables of variables (a test compares the file with it). */
export function configurationPage(): string {
  return `# Configuration

Environment variables, read and validated once at start. A bad value stops the program with one line on stderr and exit
code 2. An empty variable counts as unset. Times are in milliseconds, sizes in bytes.

<!-- Generated from infra/config/variables.ts and app/config/ride-variables.ts: npx vitest run test/app/config -u
writes it again. -->

## Of the engine

\`loadConfig\` of the package reads these.

${variablesTable(variables)}

## Of the ride application

${variablesTable(rideVariables)}
${MEMORY}`
}

const MEMORY = `
## Memory

What one process holds, and what bounds it. All but the heaps' own garbage is given back when its task moves away.

| what | bound | Kafka Streams has |
|---|---|---|
| committed rows, as objects | \`STATESTORE_CACHE_MAX_BYTES\`, shared by all threads and stores | \`statestore.cache.max.bytes\` |
| LevelDB's write buffers (two per store) and read blocks | \`STATESTORE_BUFFERS_MAX_BYTES\`, divided by the stores of all tasks of the application, so that it holds for an instance that has them all; at least 160 KiB per store | write buffers and block cache in a \`RocksDBConfigSetter\` |
| rows on their way to disk | 2 x 1 MiB per store that is read by key only | |
| keys of stores that are read by range | grow with the keys, some 100 bytes each | |
| input and output of a commit | two epochs of 16 MiB per thread; 128 KiB per partition is read ahead | \`input.buffer.max.bytes\` |
| young generation | 192 MiB per thread; V8 fills it in steps over many minutes where little happens | |
| tables of LevelDB | mapped files: they count as resident (\`RssFile\`), and the kernel takes them back when it needs the memory | |

The defaults with all processors (45 stores): write buffers of 1.2 MiB. RELIABILITY.md shows how a process grows
into these bounds and stays there.
`
