import { Presets, SingleBar } from 'cli-progress'

export interface Progress {
  readonly update: (done: number, all: number) => void
  readonly stop: () => void
}

/** Shorter work shows no bar. */
const QUIET_MS = 500

/** A bar on stderr for work that takes longer than a moment; nothing when stderr is no terminal. */
export function progressBar(label: string): Progress {
  const bar = new SingleBar(
    {
      format: `${label} {bar} {percentage}% | {value}/{total} | {eta_formatted} left`,
      stream: process.stderr,
      noTTYOutput: false,
      clearOnComplete: true,
      hideCursor: true,
    },
    Presets.shades_classic,
  )
  const began = performance.now()
  return {
    update(done, all) {
      if (!bar.isActive) {
        if (!process.stderr.isTTY || performance.now() - began < QUIET_MS) return
        bar.start(all, done)
      }
      bar.update(done)
    },
    stop: () => bar.stop(),
  }
}

/** One bar per phase, one after the other. */
export function phaseBars<P extends string>(
  labels: Readonly<Record<P, string>>,
): { readonly update: (phase: P, done: number, all: number) => void; readonly stop: () => void } {
  let current: { readonly phase: P; readonly bar: Progress } | null = null
  const stop = (): void => {
    current?.bar.stop()
    current = null
  }
  return {
    stop,
    update(phase, done, all) {
      if (current?.phase !== phase) {
        stop()
        current = { phase, bar: progressBar(labels[phase]) }
      }
      current.bar.update(done, all)
    },
  }
}
