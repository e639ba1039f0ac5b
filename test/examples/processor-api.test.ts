import { expect, it } from 'vitest'
import { TopologyTestDriver } from '../../runtime/memory/test-driver.ts'
import {
  type KeyValueStore,
  keyValueStore,
  type Processor,
  type ProcessorContext,
  record,
  type StreamRecord,
  StreamsBuilder,
  serdes,
} from '../../topology/index.ts'

/** Sends a driver's name once it has been silent for a minute of wall-clock time. */
class SilenceDetector implements Processor<string, string, string, string> {
  #context!: ProcessorContext<string, string>
  #lastSeen!: KeyValueStore<string, number>

  init(context: ProcessorContext<string, string>): void {
    this.#context = context
    this.#lastSeen = context.store('last-seen')
    context.schedule(10_000, 'wall-clock-time', (now) => this.#report(now))
  }

  process({ key }: StreamRecord<string, string>): void {
    this.#lastSeen.put(key, this.#context.currentSystemTimeMs())
  }

  #report(now: number): void {
    for (const [driver, seen] of [...this.#lastSeen.all()]) {
      if (now - seen < 60_000) continue
      this.#lastSeen.delete(driver)
      this.#context.forward(record(driver, 'silent', now))
    }
  }
}

it('reports silent drivers', () => {
  const builder = new StreamsBuilder({ defaultKeySerde: serdes.string, defaultValueSerde: serdes.string })
  const lastSeen = keyValueStore({ name: 'last-seen', keySerde: serdes.string, valueSerde: serdes.float64 })
  builder
    .stream<string, string>('pings')
    .process(() => new SilenceDetector(), { stores: [lastSeen] })
    .to('alerts')

  const driver = new TopologyTestDriver(builder.build().build({ applicationId: 'example' }))
  driver.inputTopic('pings', serdes.string, serdes.string).pipeInput('driver-1', 'here')
  driver.advanceWallClockTime(50_000)
  const alerts = driver.outputTopic('alerts', serdes.string, serdes.string)
  expect(alerts.readRecords()).toEqual([])
  driver.advanceWallClockTime(20_000)
  expect(alerts.readRecords().map(({ key, value }) => [key, value])).toEqual([['driver-1', 'silent']])
  driver.close()
})
