// `audit --continuous`: every interval, audits the rows committed since the last round. Reports
// through metrics and printed lines. A round that fails is counted, and the audit restarts from the
// positions committed at that time.
import { createServer, type Server } from 'node:http';

import { Audit, type AuditOptions } from '../past/audit.ts';
import { findingLine } from '../past/finding.ts';
import { ConfigError, isSensoriumError } from '../errors.ts';
import type { AuditFinding } from '../metrics/label-values.ts';
import { createAuditMetrics, type AuditMetrics } from '../metrics/process-metrics.ts';
import { printLine, printText, type CliContext } from './context.ts';

export interface ContinuousAudit {
  readonly intervalMs: number;
  /** 0 disables the metrics server. */
  readonly metricsPort: number;
}

/** Audits until `signal` aborts. Returns the exit code: 1 if any difference was found, else 0. */
export async function auditContinuously(
  context: CliContext,
  { intervalMs, metricsPort }: ContinuousAudit,
  options: AuditOptions & { readonly httpHost: string },
  signal: AbortSignal,
): Promise<number> {
  const metrics = createAuditMetrics();
  const server = await serveMetrics(metrics, metricsPort, options.httpHost);
  let found = 0;
  let audit: Audit | undefined;
  try {
    while (!signal.aborted) {
      try {
        if (audit === undefined) audit = await primed(options);
        else found += await auditRound(context, audit, metrics);
      } catch (error) {
        if (!isSensoriumError(error) || error.directive === 'crash') throw error;
        metrics.failures.inc();
        printText(context.err, `round failed, starting over: ${error.message}`);
        audit = undefined;
      }
      await context.clock.sleep(intervalMs, signal).catch(() => undefined);
    }
  } finally {
    server?.close();
  }
  return found > 0 ? 1 : 0;
}

async function primed(options: AuditOptions): Promise<Audit> {
  const audit = new Audit({ ...options, reach: 'newest' });
  await audit.open();
  await audit.prime();
  return audit;
}

async function auditRound(
  context: CliContext,
  audit: Audit,
  metrics: AuditMetrics,
): Promise<number> {
  const { windows, findings, findingsLeftOut, unchecked } = await audit.round();
  metrics.windows.inc(windows);
  for (const finding of findings) {
    metrics.mismatches.inc({ kind: finding.kind satisfies AuditFinding });
    printLine(context.out, findingLine(finding));
  }
  if (findingsLeftOut > 0) metrics.mismatches.inc({ kind: 'left_out' }, findingsLeftOut);
  if (unchecked.length > 0) metrics.unchecked.inc();
  for (const reason of unchecked) printLine(context.err, `not checked: ${reason}`);
  metrics.lastRound.set(context.clock.nowMs() / 1_000);
  printLine(context.err, `${windows} windows compared, ${findings.length} findings`);
  return findings.length;
}

async function serveMetrics(
  { registry }: AuditMetrics,
  port: number,
  host: string,
): Promise<Server | undefined> {
  if (port === 0) return undefined;
  const server = createServer((request, response) => {
    if (request.url !== '/metrics') return void response.writeHead(404).end();
    registry.metrics().then(
      (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    const refused = (error: Error): void =>
      reject(
        new ConfigError(`cannot listen on --metrics-port ${port} of ${host}: ${error.message}`),
      );
    server.once('error', refused);
    server.listen(port, host, resolve);
  });
  return server;
}
