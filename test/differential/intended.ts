/*
 * Cases in which Kafka Streams is wrong and we are not. What differs is exact: lines `<key>@<timestamp>=<value>` of the output over the whole
 * case, in any order (a result may come with another record, too). Everything else of such a case is the same.
 */
export interface IntendedDifference {
  readonly why: string
  /** Kafka Streams sends it, this program does not. */
  readonly missing: readonly string[]
  /** The other way round. */
  readonly extra: readonly string[]
}

const WAITS = 'a late record waits for a match as long as its grace lasts: Kafka Streams sends it alone at once'
const CLOSED =
  'a record that came after the grace joins no record whose window is closed: Kafka Streams joins what it has sent alone'

export const intendedDifferences: Readonly<Record<string, IntendedDifference>> = {
  'stream-stream-left-asymmetric': { why: WAITS, missing: [], extra: [] },
  'stream-stream-left-grace': { why: WAITS, missing: ['b@10498=v10+null'], extra: [] },
  'stream-stream-outer-asymmetric': { why: CLOSED, missing: ['b@13338=v43+v41'], extra: [] },
  'stream-stream-outer-grace': {
    why: `${WAITS}; ${CLOSED}`,
    missing: [
      'c@9234=null+v6',
      'c@11804=v24+v31',
      'c@11853=v21+v31',
      'a@14558=null+v44',
      'c@16871=v66+null',
      'c@17883=v90+v70',
      'c@17917=v90+v64',
    ],
    extra: ['c@11853=v21+null', 'c@11693=null+v31', 'c@17610=v90+null'],
  },
  'stream-stream-same-times': {
    why: 'window 0 and grace 0 joins equal times: Kafka Streams keeps rows for 0 ms, which is not at all',
    missing: [
      'a@10003=null+v5',
      'b@10003=null+v8',
      'a@10003=v4+null',
      'a@10003=v6+null',
      'a@10003=v7+null',
      'b@10003=v9+null',
      'a@10019=null+v19',
      'a@10019=v20+null',
      'a@10019=v22+null',
      'a@10047=null+v56',
      'a@10047=v57+null',
      'a@10056=null+v66',
      'a@10056=v67+null',
      'b@10065=null+v80',
      'b@10065=v83+null',
      'a@10072=null+v93',
      'b@10072=null+v92',
      'a@10072=v96+null',
      'b@10072=v91+null',
      'a@10073=null+v97',
      'a@10073=v99+null',
      'a@10082=null+v110',
      'a@10082=v109+null',
      'b@10083=null+v112',
      'b@10083=v111+null',
      'b@10083=v113+null',
      'b@10083=v114+null',
      'b@10084=null+v116',
      'b@10084=v115+null',
      'b@10092=null+v125',
      'b@10092=v124+null',
      'b@10094=null+v129',
      'b@10094=v126+null',
      'b@10094=v128+null',
    ],
    extra: [
      'a@10003=v4+v5',
      'a@10003=v6+v5',
      'a@10003=v7+v5',
      'b@10003=v9+v8',
      'a@10019=v20+v19',
      'a@10019=v22+v19',
      'a@10047=v57+v56',
      'a@10056=v67+v66',
      'b@10065=v83+v80',
      'b@10072=v91+v92',
      'a@10072=v96+v93',
      'a@10073=v99+v97',
      'a@10082=v109+v110',
      'b@10083=v111+v112',
      'b@10083=v113+v112',
      'b@10083=v114+v112',
      'b@10084=v115+v116',
      'b@10092=v124+v125',
      'b@10094=v126+v129',
      'b@10094=v128+v129',
    ],
  },
}
