// Answers of a thread to the questions of the main thread. Everybody who reaches the HTTP server
// can make it ask, so a failure behind a question never ends the thread: it goes back to the asker.
import { errorFromData, errorToData, type ErrorData } from './errors.ts';
import type { Logger } from './logger.ts';

/** Sent in place of the answer to a question that failed. */
export interface QuestionRefused {
  readonly type: 'refused';
  readonly requestId: number;
  readonly error: ErrorData;
}

export interface Question {
  readonly type: string;
  readonly requestId: number;
}

/** Sends what `find` resolves with, or why it failed. Never rejects. */
export async function answerQuestion<Answer extends object>(
  { type, requestId }: Question,
  find: () => Answer | Promise<Answer>,
  { logger, send }: { readonly logger: Logger; send(answer: Answer | QuestionRefused): void },
): Promise<void> {
  try {
    send(await find());
  } catch (cause) {
    const error = errorToData(cause);
    const fields = { question: type, reason: error.message };
    // A bug behind a question is not known from anywhere else.
    if (errorFromData(error).directive === 'crash') {
      logger.error({ ...fields, stack: error.stack }, 'a question failed');
    } else logger.warn(fields, 'a question could not be answered');
    send({ type: 'refused', requestId, error });
  }
}
