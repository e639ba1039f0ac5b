import { expect, it } from 'vitest'
import { requirePackages } from '../../../infra/streams/optional-packages.ts'
import { MissingPackageError } from '../../../state/ports/errors.ts'

it('one error names all packages that are not installed, and how to install them', () => {
  let thrown: unknown
  try {
    requirePackages('Charts', ['pino', '@nobody/charts', 'no-such-colours'])
  } catch (error) {
    thrown = error
  }
  expect(thrown).toBeInstanceOf(MissingPackageError)
  expect(thrown).toMatchObject({
    code: 'MISSING_PACKAGE',
    packages: ['@nobody/charts', 'no-such-colours'],
    message: 'Charts need packages that are not installed: npm install @nobody/charts no-such-colours',
  })
})

it('installed packages are found, whether require() takes them or not', () => {
  expect(() => requirePackages('Tests', ['pino', '@platformatic/kafka', 'vitest'])).not.toThrow()
})
