// The checked-in files generated from declarations in src/. `npm run generate` writes them; a test
// fails if one differs.
import { readFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';

import {
  alarmEventSchema,
  anomalySchema,
  featureRowSchema,
  sensorEventSchema,
} from '../src/codecs/avro-schemas.ts';
import { inputJsonSchema } from '../src/config/input-schema.ts';
import { allFeatures, defaultFeatures, type FeatureDeclaration } from '../src/sensors/features.ts';
import { paneBaseStride, paneLayout } from '../src/sensors/pane-layout.ts';
import { grafanaDashboard, type DeclaredDashboard } from './dashboards/dashboard.ts';
import { pipelineDashboard } from './dashboards/pipeline.ts';
import { processesDashboard } from './dashboards/processes.ts';
import { servingDashboard } from './dashboards/serving.ts';
import { shardsDashboard } from './dashboards/shards.ts';
import { kernelLayout } from './kernel-layout.ts';

export interface Artefact {
  /** From the repository's root. */
  readonly path: string;
  text(): Promise<string>;
}

const bytesPerDouble = 8;

/** In the order in which an operator opens them. */
export const dashboards: readonly DeclaredDashboard[] = [
  pipelineDashboard,
  shardsDashboard,
  servingDashboard,
  processesDashboard,
];

export const artefacts: readonly Artefact[] = [
  {
    path: 'avro/sensor_features.avsc',
    text: () => Promise.resolve(`${JSON.stringify(featureRowSchema, null, 2)}\n`),
  },
  {
    path: 'avro/sensor_anomalies.avsc',
    text: () => Promise.resolve(`${JSON.stringify(anomalySchema, null, 2)}\n`),
  },
  {
    path: 'avro/sensor_events.avsc',
    text: () => formatted('avro/sensor_events.avsc', JSON.stringify(sensorEventSchema, null, 2)),
  },
  {
    path: 'avro/sensor_alarms.avsc',
    text: () => formatted('avro/sensor_alarms.avsc', JSON.stringify(alarmEventSchema, null, 2)),
  },
  {
    path: 'schemas/input.schema.json',
    text: () => formatted('schemas/input.schema.json', JSON.stringify(inputJsonSchema())),
  },
  { path: 'feature_repo/sensor_features.py', text: () => Promise.resolve(feastView()) },
  { path: 'docs/features.md', text: featuresPage },
  {
    path: 'assembly/host-layout.ts',
    text: () => formatted('assembly/host-layout.ts', kernelLayout()),
  },
  ...dashboards.map((dashboard) => {
    const path = `monitoring/grafana/dashboards/${dashboard.uid}.json`;
    return { path, text: () => formatted(path, JSON.stringify(grafanaDashboard(dashboard))) };
  }),
];

/** Returns the template with the generated lines between its two marks. */
function feastView(): string {
  const template = read('feature_repo/sensor_features.py');
  const fields = allFeatures.map(
    ({ name, type, description }) =>
      `    Field(\n        name="${name}",\n        dtype=${type},\n` +
      `        description=${pythonText(description)},\n    ),\n`,
  );
  const defaults = defaultFeatures.map(({ name }) => name).join(',');
  return between(
    template,
    [
      '# Generated from src/sensors/features.ts by `npm run generate`:\n',
      '# End of what is generated.',
    ],
    `DEFAULT_FEATURES = (\n    "${defaults}"\n)\nDECLARED = [\n${fields.join('')}]\n`,
  );
}

function pythonText(text: string): string {
  return JSON.stringify(text);
}

async function featuresPage(): Promise<string> {
  const path = 'docs/features.md';
  const text = between(
    read(path),
    ['<!-- Generated from src/sensors/features.ts by `npm run generate`: -->\n', '<!-- End. -->'],
    `\n${featureTable()}\n${costTable()}\n`,
  );
  return formatted(path, text);
}

async function formatted(path: string, text: string): Promise<string> {
  const config = await resolveConfig(new URL(`../${path}`, import.meta.url));
  return format(text, { ...config, filepath: path });
}

function featureTable(): string {
  const rows = allFeatures.map(
    (feature) =>
      `| \`${feature.name}\` | ${feature.type} | ${feature.unit} | ${feature.description} | ` +
      `${defaultFeatures.includes(feature) ? 'default' : 'opt-in'} | ${needsOf(feature)} |`,
  );
  return `| feature | type | unit | what it is | | columns it needs |\n|-|-|-|-|-|-|\n${rows.join('\n')}\n`;
}

function needsOf({ needs }: FeatureDeclaration): string {
  return needs.map(({ name }) => name).join(', ');
}

function costTable(): string {
  const { base, extras } = paneLayout(allFeatures);
  const row = (name: string, columns: readonly string[], bytes: number): string =>
    `| ${name} | ${listed(columns)} | ${bytes} |`;
  const rows = [
    ...base.map(({ accumulator: { name, columns } }) =>
      row(name, columns, bytesPerDouble * columns.length),
    ),
    row('(the window’s end)', ['windowEnd'], bytesPerDouble),
    ...extras.map(({ accumulator: { name, columns } }) =>
      row(`${name}, opt-in`, columns, bytesPerDouble * columns.length),
    ),
  ];
  return (
    `An open window takes ${bytesPerDouble * paneBaseStride} bytes whatever is selected, and those of the ` +
    `opt-in columns that a selected feature needs, each once:\n\n` +
    `| columns | what they hold | bytes an open window |\n|-|-|-|\n${rows.join('\n')}\n`
  );
}

/** Of many columns only the first and the last. */
function listed(columns: readonly string[]): string {
  return columns.length <= 8
    ? columns.join(', ')
    : `${columns.slice(0, 3).join(', ')} … ${columns.at(-1)}`;
}

function read(path: string): string {
  return readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
}

/** Returns `text` with the part between the two marks replaced. */
function between(text: string, [begin, end]: readonly [string, string], inside: string): string {
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`expected the marks ${begin} and ${end}`);
  return text.slice(0, from + begin.length) + inside + text.slice(to);
}
