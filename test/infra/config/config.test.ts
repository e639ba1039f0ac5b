import { expect, it } from 'vitest'
import { integer, loadConfig, loadConfigWith, variable } from '../../../infra/config/index.ts'
import { StreamsConfigError } from '../../../state/ports/errors.ts'

it('loadConfig has a value for each variable of the engine, and none of an application', () => {
  const config = loadConfig({ APPLICATION_ID: 'words', NUM_STREAM_THREADS: '3', PROCESSORS: 'none of mine' })
  expect(config).toMatchObject({ applicationId: 'words', numStreamThreads: 3, commitIntervalMs: 100, httpPort: 8080 })
  expect(config).not.toHaveProperty('processors')
})

it.each([
  [
    { COMMIT_INTERVAL_MS: 'soon' },
    'COMMIT_INTERVAL_MS: "soon" is not accepted, expected a whole number from 1 to 3600000',
  ],
  [{ COMMIT_INTERVAL_MS: 5 as never }, 'COMMIT_INTERVAL_MS: 5 is a number, expected a string, as in an environment'],
  [{ APLICATION_ID: 'words' }, 'APLICATION_ID: there is no such variable, did you mean APPLICATION_ID?'],
  [{ HTTP_TLS_CERT: '', HTTP_TOKEN: 'x' }, /^HTTP_TOKEN: the value given is not accepted/],
])('loadConfig refuses %o in one line', (env, message) => {
  expect(() => loadConfig(env)).toThrow(StreamsConfigError)
  expect(() => loadConfig(env)).toThrow(message)
})

it('an application adds variables of its own, which are read and refused like those of the engine', () => {
  const own = { mostWords: variable('MOST_WORDS', integer(1, 9), 5, 'Words that are counted.') }
  expect(loadConfigWith(own, { MOST_WORDS: '7' })).toMatchObject({ mostWords: 7, applicationId: 'ride-streams' })
  expect(() => loadConfigWith(own, { MOST_WORDS: '10' })).toThrow('MOST_WORDS: "10" is not accepted')
  expect(() => loadConfigWith(own, { MOST_WORD: '7' })).toThrow('did you mean MOST_WORDS?')
})
