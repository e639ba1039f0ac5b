import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { kafkaJars } from '../../../infra/local-kafka/jars.ts'
import { freePorts } from '../../../infra/local-kafka/readiness.ts'
import { resolveKafka, startLocalKafka } from '../../../infra/local-kafka/resolve.ts'

let bin = ''

/** A PATH with nothing but the given commands. */
beforeEach(async () => {
  bin = await mkdtemp(join(tmpdir(), 'commands-'))
  vi.stubEnv('PATH', bin)
  vi.stubEnv('JAVA_HOME', '')
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(bin, { recursive: true, force: true })
})

async function command(name: string, script: string): Promise<void> {
  await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`)
  await chmod(join(bin, name), 0o755)
}

const THREE_WAYS = /KAFKA_BROKERS.*Docker engine.*Java 17\+ and Maven/

it('KAFKA_BROKERS takes precedence over everything else', async () => {
  expect(await resolveKafka({ KAFKA_BROKERS: 'one:9092,two:9092' })).toEqual({
    bootstrap: 'one:9092,two:9092',
    local: null,
  })
})

it('the error names the three ways to get a Kafka when none is available', async () => {
  await expect(resolveKafka({})).rejects.toMatchObject({ code: 'NO_KAFKA', message: expect.stringMatching(THREE_WAYS) })
})

it('a Docker client without an engine, and an old Java, are not used', async () => {
  await command('docker', 'echo "Cannot connect to the Docker daemon" >&2; exit 1')
  await command('java', `echo 'openjdk version "11.0.2" 2019-01-15' >&2`)
  await expect(startLocalKafka()).rejects.toMatchObject({ code: 'NO_KAFKA' })
})

it('the error names the three ways when both the jars and Maven are missing', async () => {
  const cache = join(bin, 'cache')
  await mkdir(cache)
  await expect(kafkaJars('4.2.1', () => undefined, cache)).rejects.toMatchObject({
    code: 'NO_KAFKA',
    message: expect.stringMatching(THREE_WAYS),
  })
})

it("the error has Maven's message when the jars cannot be fetched, and nothing half done remains", async () => {
  await command('mvn', 'case "$1" in --version) exit 0;; esac; echo "no route to anywhere"; exit 1')
  const cache = join(bin, 'cache')
  const failing = () => kafkaJars('4.2.1', () => undefined, cache)
  await expect(failing()).rejects.toMatchObject({ code: 'LOCAL_KAFKA', message: /no route to anywhere/ })
  await expect(failing()).rejects.toMatchObject({ code: 'LOCAL_KAFKA' })
})

it("the error is Maven's first one, not the advice behind it, and names a proxy that Maven does not use", async () => {
  const advice = Array.from({ length: 12 }, (_, line) => `echo "[ERROR] advice ${line}"`).join('; ')
  await command(
    'mvn',
    `case "$1" in --version) exit 0;; esac; echo "[ERROR] Unknown host repo.example"; ${advice}; exit 1`,
  )
  const cache = join(bin, 'cache')
  vi.stubEnv('HTTPS_PROXY', 'http://proxy.example:3128')
  await expect(kafkaJars('4.2.1', () => undefined, cache)).rejects.toMatchObject({
    message: expect.stringMatching(
      /^Maven could not fetch Kafka's jars: Unknown host repo\.example \(HTTPS_PROXY is set, but .*settings\.xml\)$/,
    ),
  })
})

it('two processes that need the jars at the same time download them once, with progress', async () => {
  vi.stubEnv('PATH', `${bin}:/usr/bin:/bin`)
  await command(
    'mvn',
    `case "$1" in --version) exit 0;; esac
for a in "$@"; do case "$a" in -DoutputDirectory=*) out=\${a#*=};; esac; done
echo run >>"${bin}/runs"
echo "Downloaded from central: some:/where/kafka-clients-4.2.1.jar (9.5 MB at 20 MB/s)"
echo "Downloaded from central: some:/where/zstd-jni-1.5.6.jar (500 kB at 20 MB/s)"
mkdir -p "$out"`,
  )
  const seen: unknown[] = []
  const cache = join(bin, 'cache')
  const both = await Promise.all([1, 2].map(() => kafkaJars('4.2.1', (p) => seen.push(p), cache)))
  expect(new Set(both)).toEqual(new Set([join(cache, 'kafka-4.2.1')]))
  expect(await readFile(join(bin, 'runs'), 'utf8')).toBe('run\n')
  expect(seen).toContainEqual({ step: 'waiting', text: 'another process is downloading Kafka 4.2.1' })
  expect(seen.at(-1)).toEqual({ step: 'download', jars: 2, bytes: 10_000_000, name: 'zstd-jni-1.5.6.jar' })
})

it('the image runs when a Docker engine runs, and the container is removed at stop', async () => {
  // The engine is a script: it notes what it is asked, and `run` stays until `rm`. The port is answered by this test.
  vi.stubEnv('PATH', `${bin}:/usr/bin:/bin`)
  await command(
    'docker',
    `echo "$*" >>"${bin}/asked"
case "$1" in info) echo 28.2.2;; run) while [ ! -e "${bin}/removed" ]; do sleep 0.05; done;; rm) touch "${bin}/removed";; esac`,
  )
  const [port = 0] = await freePorts(1)
  const starting = startLocalKafka({ port })
  const asked = async () => (await readFile(join(bin, 'asked'), 'utf8').catch(() => '')).trim().split('\n')
  while (!(await asked())[1]?.startsWith('run')) await new Promise((resolve) => setTimeout(resolve, 10))
  const answering = createServer((socket) => socket.once('data', (bytes) => socket.end(bytes)))
  answering.listen(port, '127.0.0.1')
  const kafka = await starting
  expect(kafka).toMatchObject({ kind: 'docker', bootstrap: `127.0.0.1:${port}`, pid: null })
  await kafka.stop()
  answering.close()
  const [, run, ...later] = await asked()
  expect(run).toMatch(
    new RegExp(`^run --name ${kafka.container} --publish 127.0.0.1:${port}:9092 .* confluentinc/cp-kafka:8.0.0$`),
  )
  expect(run).toContain('--env KAFKA_TRANSACTION_STATE_LOG_MIN_ISR=1')
  expect(later.at(-1)).toBe(`rm -f -v ${kafka.container}`)
})
