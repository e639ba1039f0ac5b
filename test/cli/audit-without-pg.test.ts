import { expect, it, vi } from 'vitest'
import { AuditTrail } from '../../app/export/postgres/audit-trail.ts'

vi.mock('pg', () => {
  throw new Error('not installed')
})

it('without the package pg a question is refused with what to install, and closing the server goes on', async () => {
  const trail = new AuditTrail('postgres://rides@127.0.0.1:1/postgres', 'rides')
  await expect(trail.page({ trip: 't' }, 1, null)).rejects.toThrow('npm install pg')
  await expect(trail.close()).resolves.toBeUndefined()
})
