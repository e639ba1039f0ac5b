import { type Command, Option } from 'commander'
import { type DataOptions, newCommand, newDataCommand, wholeNumber } from '../command.ts'

interface UpOptions extends DataOptions {
  readonly port?: number
  readonly data?: string
  readonly kafkaVersion?: string
}

interface DownOptions extends DataOptions {
  readonly data?: string
  readonly all?: true
}

export function kafkaCommand(): Command {
  const kafka = newCommand('kafka', 'a local broker on its own, on 127.0.0.1')
  kafka.addCommand(
    newDataCommand('up', 'start it unless it runs, and print its bootstrap address; it stays up until down')
      .option('--port <port>', 'listen there (default: 9092, or any free one)', wholeNumber(1, 65_535))
      .option('--data <dir>', "keep the data there (default: in the user's data directory)")
      .option('--kafka-version <version>', 'run this version from jars')
      .action(up),
  )
  kafka.addCommand(
    newDataCommand('down', 'stop it; the data stays')
      .option('--data <dir>', 'the broker with this data directory (default: the only one that runs)')
      .addOption(new Option('--all', 'every local broker of this user').conflicts('data'))
      .action(down),
  )
  kafka.addCommand(newDataCommand('status', 'the brokers that up started').action(status))
  return kafka
}

async function up(options: UpOptions): Promise<void> {
  const { kafkaProgressLine } = await import('../../infra/local-kafka/index.ts')
  const { standingKafkaUp } = await import('../../infra/local-kafka/index.ts')
  const { printJson, printLine } = await import('../output.ts')

  const progress = kafkaProgressLine()
  const { port, data: dataDir, kafkaVersion } = options
  const { broker, alreadyUp } = await standingKafkaUp({
    port,
    dataDir,
    kafkaVersion,
    onProgress: progress.onProgress,
  }).finally(progress.stop)
  if (options.json) printJson({ ...broker, alreadyUp })
  else printLine(broker.bootstrap)
}

async function down(options: DownOptions): Promise<void> {
  const { standingKafkaDown } = await import('../../infra/local-kafka/index.ts')
  const { printLine, printRows } = await import('../output.ts')

  const stopped = await standingKafkaDown({ dataDir: options.data, all: options.all })
  if (options.json) printRows(stopped, [], true)
  else if (stopped.length > 0) {
    for (const broker of stopped) printLine(`stopped ${broker.bootstrap} (data stays in ${broker.dataDir})`)
  } else if (options.data === undefined) printLine('no local broker was running')
  else printLine(`no local broker with its data in ${options.data} was running`)
}

async function status(options: DataOptions): Promise<void> {
  const { standingKafkaStatus } = await import('../../infra/local-kafka/index.ts')
  const { printLine, printRows } = await import('../output.ts')

  const rows = await standingKafkaStatus()
  if (rows.length === 0 && !options.json) {
    printLine('no local broker is running')
    return
  }
  printRows(
    rows,
    [
      { head: 'BOOTSTRAP', value: ({ bootstrap }) => bootstrap },
      { head: 'STATE', value: ({ answering }) => (answering ? 'up' : 'not answering') },
      { head: 'KAFKA', value: ({ kind, version }) => `${version} (${kind})` },
      { head: 'PID', value: ({ pid, container }) => pid ?? container },
      { head: 'SINCE', value: ({ startedAt }) => startedAt },
      { head: 'DATA', value: ({ dataDir }) => dataDir },
    ],
    options.json ?? false,
  )
}
