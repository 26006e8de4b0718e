// From declared panels to Grafana's JSON, through Grafana's own builders. Each panel names its unit
// and its queries; the builders know the rest.
import { ReduceDataOptionsBuilder } from '@grafana/grafana-foundation-sdk/common';
import {
  DashboardBuilder,
  DashboardCursorSync,
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  RowBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableRefresh,
  type Dashboard,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DataqueryBuilder } from '@grafana/grafana-foundation-sdk/prometheus';
import { PanelBuilder as StatBuilder } from '@grafana/grafana-foundation-sdk/stat';
import { PanelBuilder as StateTimelineBuilder } from '@grafana/grafana-foundation-sdk/statetimeline';
import { PanelBuilder as TimeseriesBuilder } from '@grafana/grafana-foundation-sdk/timeseries';

export interface DeclaredQuery {
  readonly expr: string;
  /** Grafana's template of a series' name. */
  readonly legend: string;
}

export interface DeclaredPanel {
  readonly title: string;
  /** Meaning of the panel and when to worry; Grafana shows it at the title. */
  readonly description: string;
  /** One of Grafana's units, such as `s`, `bytes`, `percentunit`, `short`. */
  readonly unit: string;
  readonly queries: readonly DeclaredQuery[];
  /** Default `lines`. */
  readonly kind?: 'lines' | 'stat' | 'states';
  /** Red from this value on (stat), or below it where `redBelow`. */
  readonly red?: number;
  readonly redBelow?: true;
}

export interface DeclaredDashboard {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly rows: readonly { readonly title: string; readonly panels: readonly DeclaredPanel[] }[];
}

const datasource = { type: 'prometheus', uid: '${datasource}' };
const tag = 'sensorium';
const height = { lines: 8, stat: 4, states: 8 } as const;
const width = { lines: 8, stat: 4, states: 24 } as const;

/* eslint-disable @typescript-eslint/no-deprecated -- Grafana before 12 reads no dashboards of the second schema. */
/** Returns the dashboard as Grafana stores it, for one pipeline (`$job`) of one data source. */
export function grafanaDashboard(declared: DeclaredDashboard): Dashboard {
  const builder = new DashboardBuilder(declared.title)
    .uid(declared.uid)
    .description(declared.description)
    .tags([tag])
    .readonly()
    .timezone('browser')
    .refresh('10s')
    .time({ from: 'now-1h', to: 'now' })
    .tooltip(DashboardCursorSync.Crosshair)
    .withVariable(new DatasourceVariableBuilder('datasource').label('Source').type('prometheus'))
    .withVariable(
      new QueryVariableBuilder('job')
        .label('Pipeline')
        .datasource(datasource)
        .query('label_values(sensorium_uptime_seconds, job)')
        .refresh(VariableRefresh.OnTimeRangeChanged),
    );
  let id = 0;
  for (const row of declared.rows) {
    builder.withRow(new RowBuilder(row.title).id((id += 1)));
    for (const panel of row.panels) builder.withPanel(panelBuilder(panel).id((id += 1)));
  }
  return builder.build();
}
/* eslint-enable @typescript-eslint/no-deprecated */

const panelKinds = {
  lines: () => new TimeseriesBuilder().lineWidth(1).fillOpacity(8),
  stat: () =>
    new StatBuilder().reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull'])),
  states: () => new StateTimelineBuilder(),
} as const;

function panelBuilder(
  panel: DeclaredPanel,
): TimeseriesBuilder | StatBuilder | StateTimelineBuilder {
  const kind = panel.kind ?? 'lines';
  const builder = panelKinds[kind]()
    .title(panel.title)
    .description(panel.description)
    .unit(panel.unit)
    .datasource(datasource)
    .height(height[kind])
    .span(width[kind])
    .thresholds(thresholds(panel));
  for (const [index, { expr, legend }] of panel.queries.entries()) {
    builder.withTarget(
      new DataqueryBuilder()
        .refId(String.fromCharCode('A'.charCodeAt(0) + index))
        .expr(expr)
        .legendFormat(legend),
    );
  }
  return builder;
}

function thresholds({ red, redBelow }: DeclaredPanel): ThresholdsConfigBuilder {
  const [below, above] = redBelow === true ? ['red', 'green'] : ['green', 'red'];
  const base = { color: red === undefined ? 'green' : below, value: null };
  const steps = red === undefined ? [base] : [base, { color: above, value: red }];
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(steps);
}
