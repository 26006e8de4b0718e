// The shards that failed, each with its reason and a button that retries it.
import { openCommand } from './command-dialog.js';
import { at, drawRows, element, say } from './elements.js';
import { retryOutcome } from './operator-text.js';

/** Draws the failed shards of the tree; hidden where there are none and nothing to say. */
export function drawFailedShards({ workers }) {
  const failed = workers
    .flatMap((worker) => worker.shards)
    // One that is being retried keeps the time of its failure until it runs.
    .filter(({ phase, failedSinceMs }) => phase === 'failed' || failedSinceMs !== undefined);
  const isTold = at('failed-command-note').textContent !== '';
  at('failed').hidden = failed.length === 0 && !isTold;
  drawRows(
    at('failed-shards'),
    failed.map((shard) => [`${shard.topic}/${shard.partition}`, failedRow(shard)]),
  );
}

function failedRow({ topic, partition, phase, error, failedSinceMs }) {
  const name = `${topic} / ${partition}`;
  const retry = element('button', {
    ...{ text: 'Retry…', type: 'button', 'aria-label': `Retry ${name}…` },
  });
  retry.addEventListener('click', () => askRetry({ topic, partition, name }));
  const when = failedSinceMs === undefined ? '' : new Date(failedSinceMs).toLocaleString('en-GB');
  return element(
    'li',
    {},
    element('strong', { text: name }),
    element('span', { text: phase, class: 'pill', 'data-tone': 'bad' }),
    element('span', { text: when === '' ? '' : `failed ${when}`, class: 'quiet' }),
    element('span', { class: 'actions' }, retry),
    element('p', { text: error?.message ?? 'no reason is known', class: 'error' }),
  );
}

function askRetry({ topic, partition, name }) {
  const gap = element('input', { type: 'checkbox' });
  openCommand({
    title: `Retry ${name}?`,
    effect: 'It recovers from its last commit. Other shards are not affected.',
    fields: [
      element('label', {}, gap, ' Go on without records that were deleted before they were read'),
    ],
    takesReason: false,
    path: `/shards/${encodeURIComponent(topic)}/${partition}/retry`,
    queryOf: () => (gap.checked ? { accept_gap: 'true' } : {}),
    told: (outcome) => say('failed-command-note', `${name}: ${retryOutcome(outcome)}.`),
  });
}
