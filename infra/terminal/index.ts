export { visibleJson, visibleText } from './visible-text.ts'
