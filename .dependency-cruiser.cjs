// The direction of imports (docs/design): cli -> infra -> runtime -> state, topology; processors -> topology and state ports.
const client = '(@platformatic/kafka|kafkajs|fastify|pino|prom-client|classic-level|lmdb)'
const rule = (name, from, to, comment) => ({ name, severity: 'error', comment, from: { path: from }, to })
module.exports = {
  forbidden: [
    rule('no-circular', '', { circular: true }, 'a cycle means two nouns in one file or a port in the wrong room'),
    rule(
      'state-stands-alone',
      '^state/',
      { path: '^(topology|runtime|infra|cli|processors|test|bench)/' },
      'state is the lowest room',
    ),
    rule(
      'topology-knows-state-ports',
      '^topology/',
      { path: '^(state/(?!ports/)|runtime|infra|cli|processors|test|bench)/' },
      'topology is pure',
    ),
    rule(
      'processors-know-topology',
      '^processors/',
      { path: '^(state/(?!ports/)|runtime|infra|cli|test|bench)/' },
      'meaning only',
    ),
    rule(
      'runtime-knows-ports',
      '^runtime/',
      { path: '^(infra|cli|processors|test|bench)/' },
      'infra implements the ports of runtime',
    ),
    rule('infra-below-cli', '^infra/', { path: '^(cli|test|bench)/' }, 'only the cli wires everything'),
    rule(
      'page-stands-alone',
      '^infra/http/dashboard/page/(?!lib/)',
      { path: '^(?!infra/http/dashboard/(page/|sections\\.ts))', pathNot: '^\\.{1,2}/lib/' },
      'a browser loads it: only what the server serves, and types of the event stream',
    ),
    rule(
      'exports-only-re-export',
      '^(processors|topology|state|runtime|infra|cli)/',
      { path: '^exports/' },
      'exports/ is what other services import',
    ),
    rule('exports-no-cli', '^exports/', { path: '^(cli|test|bench)/' }, 'libraries know no command line'),
    rule(
      'client-is-light',
      '^app/client/',
      { path: '^(runtime|topology|processors|infra/(?!client/))', dependencyTypesNot: ['type-only'] },
      'the client takes types only',
    ),
    rule('cli-no-tests', '^cli/', { path: '^(test|bench)/' }, 'no test code in production'),
    rule(
      'no-client-inside',
      '^(topology|runtime|processors)/',
      { path: `node_modules/${client}` },
      'clients live in infra',
    ),
    rule(
      'no-network-inside',
      '^(topology|state|runtime|processors)/',
      { path: '^(node:)?(net|http|https|tls|dgram|dns|child_process|worker_threads|timers)' },
      'no network, no wall clock',
    ),
    rule(
      'state-no-kafka',
      '^state/',
      { path: 'node_modules/(@platformatic/kafka|kafkajs|fastify|pino|prom-client)' },
      'stores know no Kafka',
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.cjs', '.json'] },
  },
}
