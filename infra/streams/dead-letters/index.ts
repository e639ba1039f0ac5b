/** The public face of infra/streams/dead-letters/. */
export { type DeadLetter, deadLetterOf, letterName, placeName, type RecordPlace, reasonOf } from './dead-letter.ts'
export { ensureDeadLetterTopic } from './ensure-topic.ts'
export { LatestLetters, type LetterClients, type LetterSource, type Letters } from './latest-letters.ts'
export { readLettersByTime } from './letters-by-time.ts'
export { latestLetters } from './letters-of.ts'
export { matches, readDeadLetters } from './read-dead-letters.ts'
export { NoSuchLetterError, type RedrivenLetter, redrive } from './redrive.ts'
export { RedrivenMarks } from './redriven-marks.ts'
