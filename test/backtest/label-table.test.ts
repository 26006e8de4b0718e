import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import type { LabelWindow } from '../../src/backtest/label-window.ts';
import { readLabels } from '../../src/backtest/labels.ts';

async function read(text: string): Promise<readonly LabelWindow[]> {
  const labelsPath = join(mkdtempSync(join(tmpdir(), 'sensorium-labels-')), 'labels.csv');
  writeFileSync(labelsPath, text);
  return (await readLabels({ labelsPath, inputPaths: ['x.csv'], reachMs: 100 })).windows;
}

describe('a table of labels', () => {
  it('has windows of sensors, sorted by their start', async () => {
    expect(await read('sensor,start,end\nb,2000,3000\na,1000,1970-01-01T00:00:02Z\n')).toEqual([
      { sensorId: 'a', startMs: 1000, endMs: 2000, labelMs: undefined },
      { sensorId: 'b', startMs: 2000, endMs: 3000, labelMs: undefined },
    ]);
  });

  it('has moments of sensors, each a window that reaches to either side', async () => {
    expect(await read('time;sensor_id\n1000;a\n')).toEqual([
      { sensorId: 'a', startMs: 900, endMs: 1100, labelMs: 1000 },
    ]);
  });

  it('may leave the sensor empty, for all of them', async () => {
    expect(await read('sensor,start,end\n,1,2\n')).toMatchObject([{ sensorId: undefined }]);
  });

  it.each([
    ['', /expected the columns sensor,start,end or sensor,time, found none/],
    ['sensor,begin\na,1\n', /expected the columns .*, found sensor,begin/],
    ['sensor,start,end\na,1,2\na,soon,2\n', /labels\.csv, line 3: expected a time, found soon/],
    ['sensor,start,end\na,1\n', /line 2: expected a time, found nothing/],
    ['sensor,start,end\na,2,1\n', /line 2: the window ends before it starts/],
    ['sensor,time\n"a,1\n', /line 2: /],
  ])('of %j is refused with what was expected', async (text, message) => {
    await expect(read(text)).rejects.toThrow(message);
  });
});
