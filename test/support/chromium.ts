import { accessSync, constants } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** The browser of this machine: `CHROMIUM`, or where distributions put it. Throws when there is none: nothing is skipped. */
export function startChromium(): Promise<Browser> {
  const executablePath = [process.env.CHROMIUM ?? '', ...PLACES].find(isExecutable)
  if (executablePath === undefined) {
    throw new Error('the dashboard is tested in Chromium, and there is none: apt-get install chromium, or set CHROMIUM')
  }
  // A container's user is root, which Chromium's sandbox refuses; the pages it opens are our own.
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return path !== ''
  } catch {
    // Not there: the next one.
    return false
  }
}
