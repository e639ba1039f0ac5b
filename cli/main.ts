import { runProcess } from './process.ts'
import { buildProgram } from './program.ts'

await runProcess(buildProgram)
