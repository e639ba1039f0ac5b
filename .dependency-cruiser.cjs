/*
 * The direction of imports (docs/architecture.md). The engine: topology, state, runtime, infra. The application: processors, app, cli.
 * test/house/rules.test.ts plants an import against each rule and sees it refused.
 */
const engine = '^(topology|state|runtime|infra)/'
const application = '^(processors|app|cli)/'
const client = '(@platformatic/kafka|kafkajs|fastify|pino|prom-client|classic-level|lmdb)'
const rule = (name, from, to, comment) => ({ name, severity: 'error', comment, from: { path: from }, to })
module.exports = {
  forbidden: [
    rule('no-circular', '', { circular: true }, 'a cycle means two nouns in one file or a port in the wrong room'),
    rule(
      'engine-knows-no-application',
      engine,
      { path: application },
      'the engine serves every topology, so it knows nothing of rides',
    ),
    rule('state-stands-alone', '^state/', { path: '^(topology|runtime|infra)/' }, 'state is the lowest room'),
    rule(
      'topology-knows-state-ports',
      '^topology/',
      { path: '^(state/(?!ports/)|runtime/|infra/)' },
      'a topology says what is to be done; it runs nothing',
    ),
    rule('runtime-knows-ports', '^runtime/', { path: '^infra/' }, 'infra implements the ports of runtime'),
    rule(
      'processors-use-the-face-of-topology',
      '^processors/',
      { path: '^(topology/(?!(json-schema/)?index\\.ts$)|state/|runtime/|infra/|app/|cli/)' },
      'what rides mean is written as any user writes a topology',
    ),
    rule(
      'application-uses-faces',
      '^(app|cli)/',
      { path: engine, pathNot: '/index\\.ts$' },
      'the application takes the engine by the index.ts of its rooms',
    ),
    rule('app-below-cli', '^app/', { path: '^cli/' }, 'only the commands wire everything'),
    rule(
      'page-stands-alone',
      '^(infra|app)/http/dashboard/page/(?!lib/)',
      // The browser sees both folders as one (rootDirs in tsconfig.page.json): what stands in the other is not resolved here.
      { path: '^(?!(infra|app)/http/dashboard/(page/|sections(/index)?\\.ts))', pathNot: '^\\.{1,2}/' },
      'a browser loads it: only what the server serves, and types of the event stream',
    ),
    rule(
      'exports-only-re-export',
      '^(processors|topology|state|runtime|infra|app|cli)/',
      { path: '^exports/' },
      'exports/ is what other services import',
    ),
    rule('exports-no-cli', '^exports/', { path: '^cli/' }, 'libraries know no command line'),
    rule(
      'client-is-light',
      '^app/client/',
      { path: '^(runtime|topology|processors|infra|app/(?!client/))', dependencyTypesNot: ['type-only'] },
      'the client takes types only',
    ),
    rule(
      'no-tests-in-production',
      '^(processors|topology|state|runtime|infra|app|cli|exports)/',
      { path: '^(test|bench)/' },
      'no test code in production',
    ),
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
