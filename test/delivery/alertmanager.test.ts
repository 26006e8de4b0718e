import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { createAlertmanager, type Alertmanager } from '../../src/delivery/alertmanager.ts';
import { alarmTargetContract } from '../contracts/alarm-target.contract.ts';
import { alarmEvent, notice } from './alarm-events.ts';
import { startReceiver, type Receiver } from './receiver.ts';

const nowMs = 1_700_000_050_000;
const never = new AbortController().signal;

interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
}

function alertmanagerAt(url: string): Alertmanager {
  return createAlertmanager({
    ...{ url, pipeline: 'sensorium', siteLevels: 1, pageUrl: 'http://here:8080' },
    ...{ clock: { nowMs: () => nowMs }, openMs: 240_000 },
  });
}

function alertsIn(body: string): readonly Alert[] {
  return JSON.parse(body) as Alert[];
}

alarmTargetContract({
  name: 'alertmanager',
  create: alertmanagerAt,
  namesIn: (body) => alertsIn(body).map(({ labels }) => JSON.stringify(labels)),
});

describe('Alertmanager', () => {
  let receiver: Receiver;
  const received = (): readonly (readonly Alert[])[] =>
    receiver.received.map(({ body }) => alertsIn(body));

  beforeEach(async () => {
    receiver = await startReceiver();
  });
  afterEach(() => receiver.close());

  it('gets an open alarm as an alert that ends by itself, and a resolved one as ended', async () => {
    const target = alertmanagerAt(`${receiver.url}/am/`);

    await target.post({ site: 'plant1', notices: [notice(1)] }, never);
    await target.post({ site: 'plant1', notices: [notice(2, { kind: 'alarm_resolved' })] }, never);

    expect(receiver.received[0]?.path).toBe('/am/api/v2/alerts');
    const [[opened], [resolved]] = received() as [[Alert], [Alert]];
    expect(opened).toEqual({
      labels: {
        ...{ alertname: 'SensorAlarm', pipeline: 'sensorium', sensor_id: 'plant1/pump7' },
        ...{ alarm_id: '1700000040000-1', cause: 'reading', channel: 'spike', site: 'plant1' },
      },
      annotations: {
        summary: 'plant1/pump7: spike, score 3.886',
        description: 'It is far above its mean.',
        acknowledged: 'false',
      },
      startsAt: '2023-11-14T22:14:00.000Z',
      endsAt: '2023-11-14T22:18:10.000Z',
      generatorURL: 'http://here:8080/',
    });
    expect(resolved.labels).toEqual(opened.labels);
    expect(resolved.endsAt).toBe('2023-11-14T22:14:10.000Z');
  });

  it('never gets a start behind the end, however far ahead or back event time is', async () => {
    const target = alertmanagerAt(receiver.url);
    const kind = 'alarm_resolved';

    const notices = [
      notice(1, { opened_at: Number.MAX_SAFE_INTEGER, kind }),
      notice(2, { opened_at: Number.MIN_SAFE_INTEGER, kind }),
    ];
    await target.post({ site: '', notices }, never);

    const starts = received().flatMap((alerts) => alerts.map(({ startsAt }) => startsAt));
    expect(starts).toEqual(['2023-11-14T22:14:10.000Z', '1970-01-01T00:00:00.000Z']);
  });

  it('gets standing alarms again with the sentence it had, and none that was resolved meanwhile', async () => {
    const target = alertmanagerAt(receiver.url);
    const { alarm_id, cause, channel, opened_at, sensor_id } = alarmEvent();
    const standing = {
      sensor_id,
      alarm_id,
      cause,
      channel,
      opened_at,
      score: 4,
      acknowledged: true,
    };
    await target.post({ site: '', notices: [notice(1)] }, never);

    await target.resend([standing, { ...standing, alarm_id: '7-2' }], never);
    await target.post({ site: '', notices: [notice(2, { kind: 'alarm_resolved' })] }, never);
    await target.resend([standing], never);

    const [, again = []] = received();
    expect(again.map(({ annotations }) => annotations)).toEqual([
      {
        summary: 'plant1/pump7: spike, score 4.000',
        description: 'It is far above its mean.',
        acknowledged: 'true',
      },
      { summary: 'plant1/pump7: spike, score 4.000', acknowledged: 'true' },
    ]);
    expect(received()).toHaveLength(3);
  });

  it('is not told of an alarm that is muted from now on', async () => {
    const target = alertmanagerAt(receiver.url);

    const muted = notice(1, { kind: 'alarm_muted', muted_until: nowMs + 1 });
    const unmuted = notice(2, { kind: 'alarm_muted', muted_until: null });
    await target.post({ site: '', notices: [muted] }, never);
    await target.post({ site: '', notices: [muted, unmuted] }, never);

    expect(received().map(({ length }) => length)).toEqual([1]);
  });
});
