export { Random } from '../../runtime/simulation/random.ts'
