import { describe, expect, it } from 'vitest';

import { ecsFields } from '../src/ecs-fields.ts';

describe('fields of a log line in ECS', () => {
  it('errors, addresses and traces have the names of ECS', () => {
    const fields = {
      ...{ error: 'refused', code: 'CONFIG', stack: 'at', from: '127.0.0.1', url: '/sensors' },
      ...{ traceId: 'a1', spanId: 'b2' },
    };

    expect(ecsFields(fields)).toEqual({
      ...{ 'error.message': 'refused', 'error.code': 'CONFIG', 'error.stack_trace': 'at' },
      ...{ 'client.ip': '127.0.0.1', 'url.original': '/sensors' },
      ...{ 'trace.id': 'a1', 'span.id': 'b2' },
    });
  });

  it('what ECS has no field for is a label, and a label is a scalar', () => {
    const fields = { topic: 'raw', partition: 3, reasons: { late: 2 }, held: null, no: undefined };

    expect(ecsFields(fields)).toEqual({
      ...{ 'labels.topic': 'raw', 'labels.partition': 3, 'labels.reasons': '{"late":2}' },
    });
  });

  it('a name of ECS stays', () => {
    expect(ecsFields({ 'process.pid': 7 })).toEqual({ 'process.pid': 7 });
  });
});
