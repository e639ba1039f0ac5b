import { SingleBar } from 'cli-progress'
import { visibleText } from '../terminal/index.ts'
import type { KafkaProgress } from './local-kafka.ts'

/** A line of jars and megabytes that counts up; about so many a first download brings. */
const EXPECTED_JARS = 46

export interface ProgressLine {
  readonly onProgress: (progress: KafkaProgress) => void
  readonly stop: () => void
}

/** Shows a starting Kafka on stderr: a bar on a terminal while jars download, else one line per step. */
export function kafkaProgressLine(stream: NodeJS.WriteStream = process.stderr): ProgressLine {
  let bar: SingleBar | null = null
  let shown = ''
  const say = (text: string) => {
    if (text !== shown) stream.write(`${visibleText(text)}\n`)
    shown = text
  }
  const stop = () => {
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
      const values = { megabytes: (progress.bytes / 1e6).toFixed(0), name: progress.name }
      if (!stream.isTTY) {
        say('downloading Kafka (about 45 MB, once per machine)')
        return
      }
      bar ??= newBar(stream, values)
      bar.setTotal(Math.max(EXPECTED_JARS, progress.jars))
      bar.update(progress.jars, values)
    },
  }
}

function newBar(stream: NodeJS.WriteStream, values: object): SingleBar {
  const bar = new SingleBar({
    format: 'downloading Kafka, once per machine {bar} {value} jars, {megabytes} MB  {name}',
    stream,
    clearOnComplete: true,
    hideCursor: true,
    barsize: 24,
  })
  bar.start(EXPECTED_JARS, 0, values)
  return bar
}
