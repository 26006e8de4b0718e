// The trade of false alarms against windows hit over the sensitivities, as SVG.
import { numberTicks, toPx, type Scale } from './chart-scale.ts';
import type { Verdict } from './judge.ts';
import { rate } from './measures.ts';

const width = 560;
const height = 300;
const left = 52;
const right = 20;
const top = 16;
const bottom = 46;
const colours = ['#2563a8', '#b45309'] as const;

/** Returns the curves of one or two verdicts; the ring marks the configured line. */
export function drawCurve(verdicts: readonly Verdict[]): string {
  const points = verdicts.flatMap(({ curve }) => curve);
  const most = points.reduce((max, point) => Math.max(max, point.falseAlarmsPer1000), 0);
  const x: Scale = { from: 0, to: most > 0 ? most * 1.05 : 1, fromPx: left, toPx: width - right };
  const y: Scale = { from: 0, to: 1.02, fromPx: height - bottom, toPx: top };
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="Recall over false alarms per 1,000 readings">`,
    ...numberTicks(x, 6).map(({ at, text }) => {
      const px = toPx(x, at).toFixed(1);
      return (
        `<line class="grid" x1="${px}" x2="${px}" y1="${top}" y2="${height - bottom}"/>` +
        `<text class="faint middle" x="${px}" y="${height - bottom + 16}">${text}</text>`
      );
    }),
    ...numberTicks(y, 5).map(({ at, text }) => {
      const px = toPx(y, at).toFixed(1);
      return (
        `<line class="grid" x1="${left}" x2="${width - right}" y1="${px}" y2="${px}"/>` +
        `<text class="faint end" x="${left - 8}" y="${Number(px) + 4}">${text}</text>`
      );
    }),
    `<text class="faint middle" x="${(left + width - right) / 2}" y="${height - 8}">false alarms per 1,000 readings</text>`,
    `<text class="faint middle" transform="translate(13 ${(top + height - bottom) / 2}) rotate(-90)">recall</text>`,
    ...verdicts.map((verdict, at) => curveLine(verdict, { x, y, colour: colours[at] ?? '#000' })),
    '</svg>',
  ].join('\n');
}

function curveLine(
  { curve }: Verdict,
  { x, y, colour }: { x: Scale; y: Scale; colour: string },
): string {
  const places = curve.map((point) => ({
    ...point,
    px: toPx(x, point.falseAlarmsPer1000).toFixed(1),
    py: toPx(y, point.recall ?? 0).toFixed(1),
  }));
  const d = places.map(({ px, py }) => `${px} ${py}`).join('L');
  const marks = places.map(({ sensitivity, px, py, recall, falseAlarmsPer1000 }) => {
    const title = `<title>sensitivity ${sensitivity}: recall ${rate(recall)}, ${rate(falseAlarmsPer1000)} false alarms per 1,000</title>`;
    return sensitivity === 1
      ? `<circle cx="${px}" cy="${py}" r="6" fill="#fff" stroke="${colour}" stroke-width="3">${title}</circle>`
      : `<circle cx="${px}" cy="${py}" r="3" fill="${colour}">${title}</circle>`;
  });
  return `<path d="M${d}" fill="none" stroke="${colour}" stroke-width="1.5"/>${marks.join('')}`;
}
