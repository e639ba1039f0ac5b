/* Prints the public methods and settings of Kafka Streams as JSON. The argument is the class path with its jars. */
import { execFileSync } from 'node:child_process'

const PACKAGE = 'org.apache.kafka.streams'
const CLASSES = [
  'KafkaStreams',
  'StreamsBuilder',
  'kstream.KStream',
  'kstream.KTable',
  'kstream.BranchedKStream',
  'kstream.KGroupedStream',
  'kstream.KGroupedTable',
  'kstream.CogroupedKStream',
  'kstream.TimeWindowedKStream',
  'kstream.SessionWindowedKStream',
  'Topology',
  'processor.api.ProcessorContext',
]
const [classPath] = process.argv.slice(2)
if (classPath === undefined) throw new Error('record.ts needs the class path of Kafka Streams')

const javap = (...args: string[]): string[] =>
  execFileSync('javap', ['-public', '-cp', classPath, ...args], { encoding: 'utf8' }).split('\n')

/** Names without their overloads. `ProcessorContext` inherits most of its methods. */
function methods(name: string): string[] {
  const lines = javap(`${PACKAGE}.${name}`)
  const parent = /interface .* extends (org\.[\w.]+)/.exec(
    lines.find((line) => line.includes(' interface ')) ?? '',
  )?.[1]
  const own = lines.flatMap((line) => /([\w$]+)\(/.exec(line)?.[1] ?? [])
  const inherited = parent === undefined ? [] : methods(parent.slice(PACKAGE.length + 1))
  return [...new Set([...own, ...inherited])].sort()
}

const settings = javap('-constants', `${PACKAGE}.StreamsConfig`).flatMap(
  (line) => /(?:_CONFIG|INNER_CLASS_SERDE) = "(.+)";/.exec(line)?.[1] ?? [],
)
const version = /kafka-streams-(\d[\d.]*)\.jar/.exec(classPath)?.[1]
if (version === undefined || settings.length === 0) throw new Error('the class path has no kafka-streams jar')
const classes = Object.fromEntries(CLASSES.map((name) => [name.slice(name.lastIndexOf('.') + 1), methods(name)]))
process.stdout.write(`${JSON.stringify({ version, classes, settings: settings.sort() }, null, 2)}\n`)
