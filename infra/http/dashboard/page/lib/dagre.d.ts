// The server serves the package's own ES module under this name (page-files.ts).
export * from '@dagrejs/dagre'
