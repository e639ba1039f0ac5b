import { mkdirSync, writeFileSync } from 'node:fs'
import { generatedFiles } from './generated-files.ts'

const docs = new URL('../../docs/', import.meta.url)
mkdirSync(new URL('schemas/', docs), { recursive: true })
for (const [file, text] of generatedFiles()) writeFileSync(new URL(file, docs), text)
