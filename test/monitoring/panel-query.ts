// A panel's query without what Grafana would fill in.

/** Returns the query for the pipeline `job`, its rates over `range`. */
export function queryNow(expr: string, job = 'sensorium', range = '1m'): string {
  return expr.replaceAll('$__rate_interval', range).replaceAll('$job', job);
}
