// The server serves the package's own ES module under this name (app/http/ride-http.ts).
export * from 'h3-js'
