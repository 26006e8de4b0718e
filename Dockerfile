# Built in three steps, so that the image holds the program and its run-time packages only. To pin the base:
# `docker build --build-arg NODE=node@sha256:…`.
ARG NODE=node:22-slim
FROM ${NODE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
RUN npm run build

FROM ${NODE} AS packages
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund

FROM ${NODE}
ENV NODE_ENV=production HTTP_HOST=0.0.0.0
WORKDIR /app
COPY package.json LICENSE ./
COPY avro ./avro
COPY --from=packages /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# The embedded log, the embedded store and file snapshots live here; mount a volume to keep them.
RUN mkdir state && chown node:node state
USER node
VOLUME /app/state
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/health/serving').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "dist/main.js"]
