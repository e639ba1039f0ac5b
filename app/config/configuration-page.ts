import { variables, variablesTable } from '../../infra/config/index.ts'
import { rideVariables } from './ride-variables.ts'

/** docs/configuration.md, generated from the tables of variables (a test compares the file with it). */
export function configurationPage(): string {
  return `# Configuration

This page is for people who run the application or another topology. It lists every setting, and what bounds the memory
of a process.

A program gives settings in code ([the package](package.md)); the command \`ride-streams\` reads them from environment
variables. Both are validated once, at the start. Times are in milliseconds, sizes in bytes.

- In code, an unknown name and a bad value throw \`StreamsConfigError\`, a message of one line. A name with a dot is a
  member of an object: \`{ tls: { ca } }\`. \`loadConfig(process.env)\` returns the settings of an environment, which you
  may spread: \`{ ...loadConfig(process.env), numStreamThreads: 2 }\`.
- A bad variable stops the command with one line on stderr and exit code 2, and so does a name that is a letter or two
  off. An empty variable counts as unset.

<!-- Generated from infra/config/variables.ts and app/config/ride-variables.ts: npx vitest run test/app/config -u
writes it again. -->

## The engine

The third column is the setting of Kafka Streams, or of its clients, with that meaning.

${variablesTable(variables)}

## The ride application

The command \`ride-streams\` reads these variables, too.

${variablesTable(rideVariables)}
${MEMORY}`
}

const MEMORY = `
## Memory

The table shows what one process holds, and what bounds it. When a task moves away, the process gives back its memory,
apart from garbage on the heaps.

| what | bound | Kafka Streams has |
|---|---|---|
| committed rows, as objects | \`STATESTORE_CACHE_MAX_BYTES\`, shared by all threads and stores | \`statestore.cache.max.bytes\` |
| LevelDB's write buffers (two per store) and read blocks | \`STATESTORE_BUFFERS_MAX_BYTES\`, divided by the number of stores of all tasks of the application, so the bound also holds for an instance that has all tasks; at least 160 KiB per store | write buffers and block cache in a \`RocksDBConfigSetter\` |
| rows on their way to disk | 2 x 1 MiB per store; all stores together 48 MiB with the objects around the rows, and twice that while the disk is behind: then commits wait | |
| keys of stores that are read by range | no bound: some 100 bytes per key | |
| input and output of a commit | two epochs of 16 MiB per thread, and as much for buffers that wait for the next one | |
| input that is read ahead | 128 KiB per partition. But an answer of a broker, 2 MiB at most, stays whole while one of its records waits: some 24 MiB per thread | \`buffered.records.per.partition\`, a number of records |
| young generation | 48 MiB per thread; V8 fills it in steps, over many minutes on a quiet instance | |
| garbage on the heaps | V8 decides: about as much again as what lives | |
| tables of LevelDB | none: they are mapped files, count as resident (\`RssFile\`), and the kernel takes them back when it needs the memory | |

An instance reads the memory limit of its container (cgroup), or \`MEMORY_LIMIT_BYTES\`. From it, 200 MiB are for the
process and 64 for each thread. When the full sizes do not fit into the rest, one factor cuts down cache, buffers, rows
on their way to disk, epochs, answers of brokers and young generation. With one thread everything has its full size from
690 MiB on. A size that you set yourself stays. When a thread is added or removed at run time, all threads get the
shares of their new number. Young generations, and the totals of cache and buffers, stay as they are.
The whole application works in 512 MiB, and in 384: 1,000,000 events, all outputs exact, at 3,300 to 5,100/s on a busy
machine ([rate and memory](../BENCHMARKS.md)).
\`npm run bench:memory\` runs it in control groups of several sizes and checks every output.

With the defaults and all processors (45 stores), a write buffer has 1.2 MiB. [Reliability](../RELIABILITY.md) shows how
a process grows into these bounds and stays there.
`
