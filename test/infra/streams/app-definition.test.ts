import { expect, it } from 'vitest'
import { loadApp } from '../../../infra/streams/app-definition.ts'

const moduleOf = (text: string): string => `data:text/javascript,${encodeURIComponent(text)}`

it.each([
  ['./vehicles.js', /^module "\.\/vehicles\.js" is not a URL: give import\.meta\.url/],
  [
    moduleOf('export const plan = {}'),
    /exports no topology \(export const topology = builder\.build\(\)\), and no function buildPlan$/,
  ],
  [moduleOf('export const buildPlan = () => ({}), describeRecord = {}'), /describeRecord of \S+ must be a function$/],
  [
    moduleOf('export const buildPlan = () => ({}), exceptionHandlers = { procesing: () => "fail" }'),
    /must hold functions named deserialization, processing or production, not procesing$/,
  ],
  [moduleOf('class Topology {}; export const topology = new Topology()'), /from another copy of ride-streams: run the/],
  [
    moduleOf('export const buildPlan = () => ({}), replayRules = { outputs: {} }'),
    /replayRules of \S+ must be an object with stores and outputs$/,
  ],
  [
    moduleOf('export const buildPlan = () => ({}), replayRules = { stores: {}, outputs: { out: {} } }'),
    /replayRules of \S+: the rule of out has no function correction$/,
  ],
  [moduleOf('export const buildPlan = async () => ({})'), /returned a promise, it must return the Plan itself$/],
  [moduleOf('export const buildPlan = () => undefined'), /must return a Plan, not undefined$/],
])('a module without a plan is refused in one clear line: %s', async (module, message) => {
  await expect(loadApp({ module, options: {} })).rejects.toMatchObject({
    code: 'CONFIG',
    message: expect.stringMatching(message),
  })
})

it('the error says when buildPlan returned a Topology instead of a Plan', async () => {
  const module = new URL('./builds-topology.ts', import.meta.url).href
  await expect(loadApp({ module, options: {} })).rejects.toThrow(
    /returned a Topology, it must return topology\.build\(\{ applicationId \}\)$/,
  )
})

it('a module whose topology reads nothing is refused in one clear line', async () => {
  const module = new URL('./builds-nothing.ts', import.meta.url).href
  await expect(loadApp({ module, options: { applicationId: 'a' } })).rejects.toMatchObject({
    code: 'TOPOLOGY',
    message: `the topology of ${module} reads no topic: it needs a stream, a table or a global table`,
  })
})

it('a module may export exception handlers, which are functions', async () => {
  const plan = '{ applicationId: "a", subtopologies: [{}] }'
  const handlers = '{ processing: () => "continue" }'
  const module = moduleOf(`export const buildPlan = () => (${plan}), exceptionHandlers = ${handlers}`)
  const { exceptionHandlers } = await loadApp({ module, options: {} })
  expect(exceptionHandlers?.processing?.(new Error('x'), {} as never)).toBe('continue')
})
