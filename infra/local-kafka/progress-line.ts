import { SingleBar } from 'cli-progress'
import { visibleText } from '../terminal/index.ts'
import type { KafkaProgress } from './local-kafka.ts'

/** A line of jars and megabytes that counts up; about so many a first download brings. */
const EXPECTED_JARS = 46

export interface ProgressLine {
  readonly onProgress: (progress: KafkaProgress) => void
  readonly stop: () => void
}

/** Between two lines about the same step where lines cannot be drawn over. */
const PLAIN_EVERY_S = 10
const NAME_COLUMNS = 18

/** Shows a starting Kafka on stderr, with the seconds it takes: on a terminal in one line, with a bar while jars download. */
export function kafkaProgressLine(stream: NodeJS.WriteStream = process.stderr): ProgressLine {
  let bar: SingleBar | null = null
  let shown = ''
  let elapsed: NodeJS.Timeout | null = null
  const quiet = () => {
    if (elapsed === null) return
    clearInterval(elapsed)
    elapsed = null
    if (stream.isTTY) stream.write('\n')
  }
  const say = (text: string) => {
    if (text === shown) return
    shown = text
    quiet()
    const words = visibleText(text)
    stream.write(stream.isTTY ? words : `${words}\n`)
    let seconds = 0
    elapsed = setInterval(() => {
      seconds++
      if (stream.isTTY) stream.write(`\r${words}  ${seconds} s`)
      else if (seconds % PLAIN_EVERY_S === 0) stream.write(`${words}: ${seconds} s\n`)
    }, 1000).unref()
  }
  const stop = () => {
    quiet()
    bar?.stop()
    bar = null
  }
  return {
    stop,
    onProgress(progress) {
      if (progress.step !== 'download') {
        stop()
        say(progress.text)
        return
      }
      const values = { megabytes: (progress.bytes / 1e6).toFixed(0), name: progress.name.slice(0, NAME_COLUMNS) }
      if (!stream.isTTY) {
        say('downloading Kafka (about 45 MB, once per machine)')
        return
      }
      quiet()
      bar ??= newBar(stream, values)
      bar.setTotal(Math.max(EXPECTED_JARS, progress.jars))
      bar.update(progress.jars, values)
    },
  }
}

function newBar(stream: NodeJS.WriteStream, values: object): SingleBar {
  const bar = new SingleBar({
    format: 'downloading Kafka {bar} {value} jars, {megabytes} MB  {name}',
    stream,
    clearOnComplete: true,
    hideCursor: true,
    barsize: 20,
  })
  bar.start(EXPECTED_JARS, 0, values)
  return bar
}
