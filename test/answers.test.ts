import { describe, expect, it } from 'vitest';

import { answerQuestion } from '../src/answers.ts';
import { ConfigError, InvariantError, UnavailableError } from '../src/errors.ts';
import { keepingLogger, type LoggedLine } from './supervisor/keeping-logger.ts';

const question = { type: 'sensor', requestId: 7 };

async function answered(
  find: () => object | Promise<object>,
): Promise<{ readonly sent: readonly object[]; readonly lines: readonly LoggedLine[] }> {
  const sent: object[] = [];
  const lines: LoggedLine[] = [];
  await answerQuestion(question, find, {
    logger: keepingLogger(lines),
    send: (answer) => sent.push(answer),
  });
  return { sent, lines };
}

describe('the answer to a question', () => {
  it('is what was found', async () => {
    const { sent, lines } = await answered(() => ({ type: 'sensor', requestId: 7 }));

    expect(sent).toEqual([{ type: 'sensor', requestId: 7 }]);
    expect(lines).toEqual([]);
  });

  it.each([
    ['CONFIG', 'warn', new ConfigError('User:a lacks Read on topic t')],
    ['UNAVAILABLE', 'warn', new UnavailableError('no broker')],
    ['INVARIANT', 'error', new InvariantError('a bug')],
    ['INVARIANT', 'error', new TypeError('undefined is not a function')],
  ])('is the failure behind it: %s, logged as %s', async (code, level, error) => {
    for (const find of [
      () => Promise.reject(error),
      () => {
        throw error;
      },
    ]) {
      const { sent, lines } = await answered(find);

      expect(sent).toMatchObject([{ type: 'refused', requestId: 7, error: { code } }]);
      expect(JSON.stringify(sent)).toContain(error.message);
      expect(lines.map((line) => line.level)).toEqual([level]);
    }
  });
});
