// The server serves the package's own ES module under this name (page-files.ts).
export * from 'h3-js'
