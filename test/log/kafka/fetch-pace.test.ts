import { describe, expect, it } from 'vitest';
import { fetchPace, quietAfterMs } from '../../../src/log/kafka/fetch-pace.ts';

describe('the pace of fetches', () => {
  it('gathers bytes while records flow, so that live load is not one fetch a record', () => {
    const { bytesMin, waitMs } = fetchPace(quietAfterMs - 1);

    expect(bytesMin).toBeGreaterThan(1);
    expect(waitMs).toBeLessThanOrEqual(100);
  });

  it('is answered by the first byte once records have stopped, and asks rarely until then', () => {
    const { bytesMin, waitMs } = fetchPace(quietAfterMs);

    expect(bytesMin).toBe(1);
    expect(1_000 / waitMs).toBeLessThanOrEqual(2);
  });
});
