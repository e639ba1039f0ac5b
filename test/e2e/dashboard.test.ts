import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import axe from 'axe-core'
import type { Browser, ConsoleMessage, Page, Route } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EventProducer } from '../../app/events/event-producer.ts'
import { openEventProducer } from '../../app/events/open-events.ts'
import { nycRides } from '../../app/simulator/nyc-rides.ts'
import { runSimulation } from '../../app/simulator/run-simulation.ts'
import { createRideTopics } from '../../app/topics/create-topics.ts'
import { connectKafka } from '../../infra/kafka/kafka.ts'
import { AppProcess } from '../support/app-process.ts'
import { startChromium } from '../support/chromium.ts'
import { type BorrowedKafka, borrowKafka } from '../support/kafka.ts'
import { projectRoot } from '../support/run-cli.ts'
import { untilDrained } from '../support/until-drained.ts'

/*
 * The dashboard as a person meets it: the real application on a real broker with rides of New York, in real Chromium. Each step
 * leaves a screenshot in artifacts/dashboard.
 */

const APPLICATION_ID = 'dashboard-test'
const TOKEN = 'a-token-that-is-hard-to-guess'
const HOSTILE = `<img src=x onerror="globalThis.hacked=1">'"&</script>`
const SHOTS = join(projectRoot, 'artifacts/dashboard')
const authorization = { authorization: `Bearer ${TOKEN}` }

const stateDir = mkdtempSync(join(tmpdir(), 'ride-streams-dashboard-'))
let kafka: BorrowedKafka | undefined
let app: AppProcess
let producer: EventProducer | undefined
let browser: Browser | undefined
/** It is signed in. The tests share it, and each leaves it as the next one may find it. */
let page: Page
const requested: string[] = []
const refused = new Set<string>()
const complaints: string[] = []

beforeAll(async () => {
  mkdirSync(SHOTS, { recursive: true })
  ;[kafka, browser] = await Promise.all([borrowKafka(), startChromium()])
  const { bootstrap } = kafka
  const connection = { brokers: [bootstrap], clientId: 'dashboard-test' }
  const cluster = connectKafka(connection)
  await createRideTopics(cluster.admin(), { applicationId: APPLICATION_ID, outputRetentionMs: -1, keepForever: true })
  await cluster.close()
  const mishaps = { late: 0.01, twice: 0.01, malformed: 0.006 }
  const source = nycRides({ seed: 1, trips: 700, drivers: 200, pingSeconds: 120, mishaps })
  const env = { KAFKA_BROKERS: bootstrap, STATE_DIR: stateDir, APPLICATION_ID, HTTP_TOKEN: TOKEN }
  ;[app] = await Promise.all([AppProcess.start(env), runSimulation({ connection, source })])
  producer = await openEventProducer(connection)
  await request(HOSTILE)
  await untilDrained(bootstrap, APPLICATION_ID, 60_000)
  page = await open({ viewport: { width: 1400, height: 900 }, colorScheme: 'light' })
  await signIn(page)
  await untilFilled(page)
})

afterAll(async () => {
  await browser?.close()
  await producer?.close()
  await app?.end('SIGTERM')
  await kafka?.stop()
  rmSync(stateDir, { recursive: true, force: true })
})

async function request(tripId: string): Promise<void> {
  await producer?.send('trip.requested', {
    tripId,
    passengerId: HOSTILE,
    pickup: { lat: 40.7, lng: -74, address: HOSTILE },
    dropoff: { lat: 40.8, lng: -73.9 },
    estimatedFare: 12.5,
    vehicleType: HOSTILE,
  })
}

async function rowsOf(path: string): Promise<Record<string, unknown>[]> {
  const rows: Record<string, unknown>[] = []
  for (let cursor: string | null = ''; cursor !== null; ) {
    const response = await fetch(`${app.url}${path}${cursor === '' ? '' : `&cursor=${cursor}`}`, {
      headers: authorization,
    })
    const body = (await response.json()) as { rows: Record<string, unknown>[]; nextCursor: string | null }
    rows.push(...body.rows)
    cursor = body.nextCursor
  }
  return rows
}

async function open(options: Parameters<Browser['newPage']>[0]): Promise<Page> {
  const opened = await (browser as Browser).newPage(options)
  opened.on('request', (sent) => requested.push(sent.url()))
  opened.on('pageerror', (error) => complaints.push(error.message))
  opened.on('response', (response) => {
    if (response.status() >= 400) refused.add(`${response.status()} ${new URL(response.url()).pathname}`)
  })
  opened.on('console', (message: ConsoleMessage) => {
    // `refused` has the refused requests.
    const isRefusal = message.text().startsWith('Failed to load resource')
    if (message.type() !== 'log' && !isRefusal) complaints.push(message.text())
  })
  await opened.goto(app.url)
  return opened
}

async function signIn(on: Page): Promise<void> {
  await on.fill('#token-input', TOKEN)
  await on.click('#token-form button')
  await on.getByText('live', { exact: true }).waitFor()
}

async function untilFilled(on: Page): Promise<void> {
  await on.locator('polygon.cell').first().waitFor({ state: 'attached' })
  await on.locator('#letters-body td').first().waitFor({ state: 'attached' })
}

/** Rules that the page breaks, with the elements. Another colour scheme changes only what rules about colours find. */
async function axeViolations(on: Page, rules: 'all' | 'of colours' = 'all'): Promise<string[]> {
  await on.evaluate(`${axe.source}; undefined`)
  const runOnly = rules === 'all' ? '' : ", runOnly: ['color-contrast', 'link-in-text-block']"
  const { violations } = (await on.evaluate(`axe.run({ resultTypes: ['violations']${runOnly} })`)) as axe.AxeResults
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join('; ')}`)
}

const shot = (on: Page, name: string, fullPage = true) => on.screenshot({ path: join(SHOTS, `${name}.png`), fullPage })
const text = (selector: string) => page.locator(selector).innerText()
const digits = (shown: string): number => Number(shown.replaceAll(/[^\d.]/g, ''))

const STATUSES = ['requested', 'accepted', 'started', 'completed', 'cancelled'] as const
async function shownTrips(): Promise<Record<string, number>> {
  const counts = await page.locator('#trips-bars .count').allInnerTexts()
  return Object.fromEntries(STATUSES.map((status, index) => [status, digits(counts[index] ?? '')]))
}

describe('the dashboard', () => {
  it('asks for the token, refuses a wrong one, and keeps the right one for the browser tab', async () => {
    const asked = await open({ viewport: { width: 1400, height: 900 }, colorScheme: 'light' })
    await asked.locator('#token-dialog[open]').waitFor()
    await asked.fill('#token-input', 'wrong')
    await asked.click('#token-form button')
    await asked.locator('#token-problem').waitFor({ state: 'visible' })
    await shot(asked, 'token', false)
    expect(await axeViolations(asked)).toEqual([])
    await signIn(asked)
    await asked.reload()
    await asked.getByText('live', { exact: true }).waitFor()
    expect(await asked.locator('#token-dialog[open]').count()).toBe(0)
    await asked.close()
  })

  it('shows the same data as the JSON routes', async () => {
    const trips = await rowsOf('/trips?limit=500')
    const expected = Object.fromEntries(
      STATUSES.map((status) => [status, trips.filter((trip) => trip.status === status).length]),
    )
    await expect.poll(shownTrips).toEqual(expected)
    expect(expected.completed).toBeGreaterThan(500)

    const hours = await rowsOf('/revenue/hourly?limit=1000')
    const cents = hours.reduce((sum, { revenue }) => sum + Math.round(Number(revenue) * 100), 0)
    await page.getByRole('button', { name: '31 days' }).click()
    const inDollars = (sum: number) => (sum / 100).toLocaleString('en-US', { style: 'currency', currency: 'USD' })
    await expect.poll(() => text('#revenue-note')).toContain(`${inDollars(cents)} from`)

    await page.getByRole('button', { name: '24 h' }).click()
    await page.fill('#events-until', '2019-03-03')
    const day = await rowsOf('/revenue/hourly?limit=1000&from=2019-03-03T00:00:00Z&to=2019-03-03T23:00:00Z')
    const dayCents = day.reduce((sum, { revenue }) => sum + Math.round(Number(revenue) * 100), 0)
    await expect.poll(() => text('#revenue-note')).toContain(`${inDollars(dayCents)} from`)
    const trips2 = trips.filter(({ requestedAt }) => String(requestedAt).startsWith('2019-03-03'))
    await expect.poll(() => text('#trips-note')).toContain(`${trips2.length} trips requested from 2019-03-03 00:00`)
    expect(await shownTrips()).toMatchObject({ requested: trips2.length })
    // A click lists what the number counts: the trips that reached the stage, whatever their status is now.
    await page.locator('#trips-bars button', { hasText: 'started' }).click()
    const reached = trips2.filter(({ startedAt }) => startedAt !== null).map(({ tripId }) => String(tripId))
    const listed = () => page.locator('#lookup-answer tbody tr td:first-child').allInnerTexts()
    await expect
      .poll(async () => {
        const next = page.locator('#lookup-answer .note button')
        if ((await next.count()) > 0) await next.click()
        return (await listed()).sort()
      })
      .toEqual(reached.sort())
    expect((await shownTrips()).started).toBe(reached.length)
    const nowNotes = () => page.locator('.of-now .now-note').count()
    expect(await nowNotes()).toBe(3)
    await shot(page, 'past-days')
    const refuse = (route: Route) =>
      route.fulfill({ status: 404, json: { error: { code: 'X', message: 'none here' } } })
    for (const path of ['**/analytics/funnel?*', '**/revenue/hourly?*']) await page.route(path, refuse)
    await page.fill('#events-until', '2019-03-02')
    for (const note of ['#trips-note', '#revenue-note'])
      await expect.poll(() => text(note)).toBe('Not known for these hours: none here')
    await page.unrouteAll()
    await page.fill('#events-until', '')
    await expect.poll(shownTrips).toEqual(expected)
    expect(await nowNotes()).toBe(0)
    await page.getByRole('button', { name: '31 days' }).click()

    await expect.poll(() => text('#state')).toBe('RUNNING')
    await expect.poll(() => page.locator('#letters-body tbody tr').count()).toBe(20)
    const metrics = await (await fetch(`${app.url}/metrics`, { headers: authorization })).text()
    const letters = [...metrics.matchAll(/^dead_letters_total\{.*\} (\d+)$/gm)].reduce(
      (sum, [, n]) => sum + Number(n),
      0,
    )
    expect(letters).toBeGreaterThanOrEqual(20)
    await expect.poll(async () => digits(await text('#tile-letters .value'))).toBe(letters)

    const tasks = (await (await fetch(`${app.url}/tasks`, { headers: authorization })).json()) as {
      rows: { taskId: string }[]
    }
    const shown = () => page.locator('#tasks-body .chip').allInnerTexts()
    await expect.poll(shown).toEqual(tasks.rows.map(({ taskId }) => taskId))
    await shot(page, 'desktop-light')
    expect(await axeViolations(page)).toEqual([])
  })

  it('finds trips by status, driver and time', async () => {
    const [trip] = await rowsOf('/trips?status=completed&limit=1&from=2019-03-03T00:00:00Z')
    await page.selectOption('#search-form select', 'completed')
    await page.fill('#search-form [name=driverId]', String(trip?.driverId))
    await page.fill('#search-form [name=from]', '2019-03-03T00:00')
    await page.click('#search-form button')
    const query = `status=completed&driverId=${trip?.driverId}&from=2019-03-03T00:00:00Z&reverse=true`
    const expected = (await rowsOf(`/trips?${query}&limit=1000`)).map(({ tripId }) => tripId)
    const found = page.locator('#lookup-answer tbody tr td:first-child')
    const next = page.locator('#lookup-answer .note button')
    await expect
      .poll(async () => {
        if ((await next.count()) > 0) await next.click()
        return found.allInnerTexts()
      })
      .toEqual(expected)
    expect(expected.length).toBeGreaterThan(0)
    await page.evaluate('document.querySelector("#search-form").reset()')
  })

  it('links a status to its trips, a trip to its driver, and a driver to the drivers of the cell', async () => {
    await page.locator('#trips-bars button', { hasText: 'completed' }).click()
    await page.locator('#lookup-answer .link').first().click()
    const trip = await page.locator('#lookup-answer .fields').innerText()
    expect(trip).toMatch(/finalFare\s+\$\d+\.\d\d/)
    expect(await text('#lookup-answer table')).toContain('trip.completed')
    const driverId = /driverId\s+(\S+)/.exec(trip)?.[1] ?? ''
    await page.selectOption('#lookup select', 'drivers')
    await page.fill('#lookup input', driverId)
    await page.click('#lookup-form button')
    await page.locator('#lookup-answer h3', { hasText: `Driver ${driverId}` }).waitFor()
    expect(await text('#lookup-answer .fields')).toContain('cell')

    await page.locator('polygon.cell').first().click({ force: true })
    await page.locator('#lookup-answer h3', { hasText: 'Cell 8' }).waitFor()
    expect(await page.locator('#lookup-answer tbody tr').count()).toBeGreaterThan(0)
    await page.fill('#lookup input', 'nobody')
    await page.click('#lookup-form button')
    await page.getByText('no driver nobody').waitFor()
  })

  it('has a map that zooms to finer cells, pans, and fits again', async () => {
    const resolution = async () => Number(/resolution (\d+)/.exec(await text('#map-note'))?.[1])
    const before = await resolution()
    for (let n = 0; n < 4; n++) await page.click('#map-in')
    await expect.poll(resolution).toBeGreaterThan(before)
    await page.locator('#map-canvas').hover()
    await page.mouse.down()
    await page.mouse.move(500, 700, { steps: 4 })
    await page.mouse.up()
    await page.locator('#map').screenshot({ path: join(SHOTS, 'map-closer.png') })
    await page.click('#map-fit')
    await expect.poll(resolution).toBe(before)
  })

  it('has a map that the keyboard walks, zooms and opens', async () => {
    const focused = () => page.evaluate('document.activeElement?.dataset?.cell ?? null')
    const cells = page.locator('polygon.cell[tabindex="0"]')
    expect(await cells.count()).toBe(1)
    await cells.focus()
    const visited = new Set([await focused()])
    for (const key of ['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown']) {
      await page.keyboard.press(key)
      visited.add(await focused())
    }
    expect(visited.size).toBeGreaterThan(1)
    expect([...visited].every((cell) => typeof cell === 'string')).toBe(true)
    for (let n = 0; n < 4; n++) await page.keyboard.press('+')
    const cell = await focused()
    expect(cell).not.toBeNull()
    await page.keyboard.press('Shift+ArrowDown')
    await page.locator('#map').screenshot({ path: join(SHOTS, 'map-keys.png') })
    const chosen = await focused()
    await page.keyboard.press('Enter')
    await page.locator('#lookup-answer h3', { hasText: `Cell ${chosen}` }).waitFor()
    expect(await cells.count()).toBe(1)
    await page.keyboard.press('0')
  })

  it('draws the topology, and shows the processors of a sub-topology by mouse and keyboard', async () => {
    const boxes = page.locator('#topology-graph g[role=button]')
    await boxes.first().click()
    expect(await text('#topology-detail')).toContain('trip-state-fold')
    await boxes.nth(1).focus()
    await page.keyboard.press('Enter')
    expect(await text('#topology-detail')).toContain('hourly-revenue-fold')
    await page.locator('#topology').screenshot({ path: join(SHOTS, 'topology.png') })
  })

  it('shows rate, lag and latency of the last hour and day', async () => {
    for (const name of ['1 h', '1 day']) {
      const answer = page.waitForResponse((response) => response.url().includes('/dashboard/history?'))
      await page.getByRole('button', { name, exact: true }).click()
      expect(await (await answer).json()).not.toEqual([])
    }
    await page.getByRole('button', { name: '10 min', exact: true }).click()
    await expect.poll(() => page.locator('#rate-chart').getAttribute('aria-label')).toContain('now ')
    expect(await page.locator('#flow-problem').isVisible()).toBe(false)
  })

  it('shows a new trip without a reload', async () => {
    const all = (await rowsOf('/trips?status=requested&limit=1000')).length
    await expect.poll(async () => (await shownTrips()).requested).toBe(all)
    await request('made-just-now')
    await expect.poll(async () => (await shownTrips()).requested).toBe(all + 1)
  })

  it('shows hostile ids and texts as text', async () => {
    await page.selectOption('#lookup select', 'trips')
    await page.fill('#lookup input', HOSTILE)
    await page.click('#lookup-form button')
    await page.locator('#lookup-answer h3', { hasText: HOSTILE }).waitFor()
    expect(await text('#lookup-answer .fields')).toContain(HOSTILE)
    await producer?.sendUnchecked({ topic: 'trip.requested', key: HOSTILE, value: HOSTILE, timestamp: Date.now() })
    await page.locator('#letters-body td', { hasText: HOSTILE }).first().waitFor()
    await page.locator('#letters-body tr', { hasText: HOSTILE }).locator('button').first().click()
    await page.locator('#letters-detail pre', { hasText: HOSTILE }).first().waitFor()
    const letter = (await text('#letters-detail h3')).replace('Dead letter ', '')
    expect(await text('#letters-detail .fields')).toContain(`dlq redrive ${letter}`)
    await page.getByRole('button', { name: 'Send back' }).press('Enter')
    // The same bytes die again, and the page says so by itself.
    await page.getByText(`yes to trip.requested-`).waitFor()
    expect(await page.evaluate('document.activeElement.textContent')).toBe(`Dead letter ${letter}`)
    await page.locator('#letters-detail .fields', { hasText: 'it died again as' }).waitFor()
    await page.locator('#letters').screenshot({ path: join(SHOTS, 'redrive.png') })
    await page.locator('#letters-detail dd .link').click()
    await page.locator('#letters-detail .fields', { hasText: `redriven-from` }).waitFor()
    expect(await text('#letters-detail .fields')).toContain(`${APPLICATION_ID}.dlq-${letter.replace(':', '@')}`)
    expect(await page.evaluate(() => Reflect.get(globalThis, 'hacked'))).toBeUndefined()
    expect(await page.locator('img').count()).toBe(1)
  })

  it('fits a phone, in light and dark mode', async () => {
    const phone = await open({ viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true })
    await signIn(phone)
    await untilFilled(phone)
    expect(await phone.evaluate('document.documentElement.scrollHeight')).toBeLessThan(5000)
    expect(await phone.evaluate('document.documentElement.scrollWidth')).toBe(360)
    for (const colorScheme of ['light', 'dark'] as const) {
      await phone.emulateMedia({ colorScheme })
      await shot(phone, `phone-${colorScheme}`)
      expect(await axeViolations(phone, colorScheme === 'light' ? 'all' : 'of colours')).toEqual([])
    }
    await phone.locator('#letters-fold summary').click()
    await phone.locator('#letters-body td').first().waitFor()
    await phone.close()
    await page.emulateMedia({ colorScheme: 'dark' })
    await shot(page, 'desktop-dark')
    expect(await axeViolations(page, 'of colours')).toEqual([])
  })

  it('loads nothing from other hosts, and the browser reports no error', () => {
    expect(requested.filter((url) => !url.startsWith(app.url))).toEqual([])
    expect(complaints).toEqual([])
    // The tests above ask for these on purpose, when they run.
    const expected = [
      ...['401 /dashboard/events', '401 /topology', '404 /analytics/funnel', '404 /drivers/nobody'],
      '404 /revenue/hourly',
    ]
    expect([...refused].filter((answer) => !expected.includes(answer))).toEqual([])
  })

  it('shows when the instance is gone', async () => {
    await app.end('SIGTERM')
    await page.getByText(/connection lost/).waitFor()
    expect(await page.locator('body.stale #state').count()).toBe(1)
    await shot(page, 'lost', false)
  })
})
