// A scan lasts until the next one of its scanner: whatever uses it later must notice.
import { describe, expect, it } from 'vitest';

import { defaultSemantics } from '../../property-tests/arbitraries/settings.ts';
import { scanRecords, type RecordScan } from '../../src/codecs/record-scan.ts';
import { InvariantError } from '../../src/errors.ts';
import { createKernel } from '../../src/kernel/kernel.ts';
import { recordScanner, type RecordScanner } from '../../src/kernel/record-scanner.ts';
import type { RecordCursor } from '../../src/records/record.ts';
import { encodeRecordBatch } from '../../src/log/record-batch-encoder.ts';
import { recordCursor } from '../../src/log/record-batch.ts';
import { createShardState, type ShardState } from '../../src/sensors/shard-state.ts';

function standing(count = 3): RecordCursor {
  const records = Array.from({ length: count }, (_, index) => ({
    topic: 't',
    key: Buffer.from('a'),
    value: Buffer.from(`{"sensor_id":"a","timestamp":${1_000 + index},"value":${index}}`),
  }));
  const cursor = recordCursor(encodeRecordBatch(records, { baseOffset: 7, timestampMs: 2_000 }));
  cursor.next();
  return cursor;
}

function scanOf(cursor: RecordCursor, scanner: RecordScanner): RecordScan {
  const scan = scanRecords(cursor, scanner);
  if (scan === undefined) throw new Error('plain readings are scanned');
  return scan;
}

describe('a scan', () => {
  it('moves its cursor to any of its records while it is the scanner’s last', () => {
    const cursor = standing();
    const scan = scanOf(cursor, recordScanner());

    scan.moveTo(2);
    expect([cursor.offset, cursor.next()]).toEqual([9, false]);
    scan.moveTo(0);
    expect([cursor.offset, cursor.next(), cursor.offset]).toEqual([7, true, 8]);
  });

  it('throws when it is used after the next one, rather than tell of other records', () => {
    const scan = scanOf(standing(), recordScanner());
    scanOf(standing(2), recordScanner());

    expect(scan.isCurrent).toBe(false);
    expect(() => scan.moveTo(1)).toThrow(InvariantError);
  });
});

describe('a kernel', () => {
  function withKernel(): { readonly scanner: RecordScanner; readonly state: ShardState } {
    const kernel = createKernel();
    if (kernel === undefined) throw new Error('there are addresses for a kernel');
    const state = createShardState(defaultSemantics, { watermark: 'own', kernel });
    return { scanner: kernel.scanner, state };
  }

  it('folds no rows whose scan is over', () => {
    const { scanner, state } = withKernel();
    const scan = scanOf(standing(), scanner);
    scanOf(standing(), scanner);

    expect(() => state.foldRows(scan, 0, Infinity)).toThrow('before their scanner scans others');
  });

  it('folds no rows that another scanner scanned', () => {
    const { state } = withKernel();

    expect(() => state.foldRows(scanOf(standing(), recordScanner()), 0, Infinity)).toThrow(
      'the rows of its own scanner',
    );
  });
});
