import { describe, expect, it } from 'vitest';
import { fetchPace, quietAfterMs } from '../../../src/log/kafka/fetch-pace.ts';

describe('the pace of fetches', () => {
  it('gathers bytes while records flow, so that live load is not one fetch a record', () => {
    const { bytesMin, waitMs } = fetchPace(quietAfterMs - 1, 'gathered');

    expect(bytesMin).toBeGreaterThan(1);
    expect(waitMs).toBeLessThanOrEqual(100);
  });

  it('is answered by the first byte once records have stopped, and asks rarely until then', () => {
    const { bytesMin, waitMs } = fetchPace(quietAfterMs, 'gathered');

    expect(bytesMin).toBe(1);
    expect(1_000 / waitMs).toBeLessThanOrEqual(2);
  });

  it('waits for no second record where delivery is prompt', () => {
    expect(fetchPace(0, 'prompt').bytesMin).toBe(1);
  });
});
