/** For brokers of tests, which live for seconds or serve little: the optimising compiler takes more CPU time than it saves. */
export const QUICK_JVM: readonly string[] = ['-XX:TieredStopAtLevel=1']
