// Declares metrics in a registry of their own. A counter with a label is declared together with the
// label's values (label-values.ts), so that each has a series from the start.
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

export interface Declarations {
  readonly registry: Registry;
  counter(name: string, help: string): Counter;
  /** A counter with one series at 0 for each of the label's values. */
  counterBy<Label extends string>(
    name: string,
    help: string,
    label: Label,
    values: readonly string[],
  ): Counter<Label>;
  gauge<Label extends string = never>(
    name: string,
    help: string,
    labelNames?: readonly Label[],
  ): Gauge<Label>;
  /** Adds a gauge whose value is asked for at every scrape. */
  measure(name: string, help: string, read: () => number): void;
  histogram<Label extends string = never>(
    name: string,
    help: string,
    buckets: readonly number[],
    labelNames?: readonly Label[],
  ): Histogram<Label>;
}

/** Returns a new registry and its declarations; `prefix` begins the name of each metric. */
export function createDeclarations(prefix: string): Declarations {
  const registry = new Registry();
  const registers = [registry];
  const named = (name: string): string => `${prefix}${name}`;
  return {
    registry,
    counter: (name, help) => new Counter({ name: named(name), help, registers }),
    counterBy(name, help, label, values) {
      const counter = new Counter({ name: named(name), help, labelNames: [label], registers });
      for (const value of values) counter.labels(value).inc(0);
      return counter;
    },
    gauge: (name, help, labelNames = []) =>
      new Gauge({ name: named(name), help, labelNames, registers }),
    measure(name, help, read) {
      new Gauge({
        ...{ name: named(name), help, registers },
        collect() {
          this.set(read());
        },
      });
    },
    histogram: (name, help, buckets, labelNames = []) =>
      new Histogram({ name: named(name), help, buckets: [...buckets], labelNames, registers }),
  };
}
