import { expect, it } from 'vitest';

import { DeadLetterNotice } from '../../src/actors/dead-letter-notice.ts';
import { keepingLogger, type LoggedLine } from '../supervisor/keeping-logger.ts';
import { ManualClock } from '../supervisor/manual-clock.ts';

const shard = { topic: 'raw_readings', partition: 3 };

function noticing(): { lines: LoggedLine[]; clock: ManualClock; notice: DeadLetterNotice } {
  const lines: LoggedLine[] = [];
  const clock = new ManualClock();
  const notice = new DeadLetterNotice({ clock, logger: keepingLogger(lines) }, shard);
  return { lines, clock, notice };
}

it('the first dead letters are told at once, those that follow once a minute, all of them counted', () => {
  const { clock, lines, notice } = noticing();

  notice.committed(new Map([['late', 2]]));
  notice.committed(new Map([['late', 3]]));
  clock.advance(59_999);
  notice.committed(new Map([['not_json', 1]]));
  clock.advance(1);
  notice.look();
  notice.look();

  expect(lines.map(({ fields }) => fields)).toEqual([
    { ...shard, letters: 2, reasons: { late: 2 } },
    { ...shard, letters: 4, reasons: { late: 3, not_json: 1 } },
  ]);
  expect(lines.map(({ level }) => level)).toEqual(['warn', 'warn']);
});

it('commits without dead letters are not told', () => {
  const { lines, notice } = noticing();

  notice.committed(new Map());
  notice.close();

  expect(lines).toEqual([]);
});

it('a session that ends tells what it has not told yet', () => {
  const { lines, notice } = noticing();
  notice.committed(new Map([['late', 1]]));
  notice.committed(new Map([['late', 7]]));

  notice.close();

  expect(lines.at(-1)?.fields).toMatchObject({ letters: 7 });
});
