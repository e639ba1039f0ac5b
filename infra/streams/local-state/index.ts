/** The public face of infra/streams/local-state/. */
export { type LocalReport, type LocalStoresOptions, verifyLocalStores } from './local-stores.ts'
