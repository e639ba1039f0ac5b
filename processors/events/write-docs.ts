import { writeFileSync } from 'node:fs'
import { eventsMarkdown } from './docs.ts'

writeFileSync(new URL('../../docs/events.md', import.meta.url), eventsMarkdown())
