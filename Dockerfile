# The ride application in an image: `docker build -t ride-streams-rides .` docs/operating-your-topology.md says how it is run, and how an
# image of another topology is made. test/ops/image.test.ts checks the paths, the settings and that the copied files start.
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
COPY packaging/rides/package.json packaging/rides/
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY bin bin
COPY packaging packaging
COPY topology topology
COPY state state
COPY runtime runtime
COPY infra infra
COPY processors processors
COPY app app
COPY cli cli
COPY exports exports
COPY data data
RUN npm run -s build
# What runs it, without the tools that build it. The image has a Node, so the packaged ones are not needed.
RUN npm prune --omit=dev --ignore-scripts && rm -rf node_modules/node-linux-* node_modules/node-bin-*

FROM node:24-slim
ENV NODE_ENV=production \
    MALLOC_ARENA_MAX=2 \
    HTTP_HOST=0.0.0.0 \
    HTTP_PORT=8080 \
    STATE_DIR=/state
RUN mkdir /state && chown node:node /state
WORKDIR /app
COPY --from=build /app/package.json package.json
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY --from=build /app/packaging/rides packaging/rides
USER 1000
VOLUME /state
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.HTTP_PORT}/health/live`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Node is the first process and gets the signals: SIGTERM is a clean stop.
ENTRYPOINT ["node", "packaging/rides/dist/cli/main.js"]
CMD ["start"]
