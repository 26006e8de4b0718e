// The constants that the kernel shares with the core, as the source that assembly/ compiles: the
// core declares them, `npm run generate` writes them.
import { adaptiveRules, adaptiveSlot } from '../src/sensors/baseline-adaptive.ts';
import * as pane from '../src/sensors/pane.ts';
import { robustDoubles, robustRules, robustSlot } from '../src/sensors/robust-slot.ts';
import { presenceDoubles, presenceRules, presenceSlot } from '../src/sensors/presence-slot.ts';
import { number, place } from '../src/sensors/row-kernel.ts';

const doubleBytes = 8;
const int32Bytes = 4;

/** Returns assembly/host-layout.ts. */
export function kernelLayout(): string {
  const { paneLastOffset, paneMax, paneMin, paneScoreMax, paneWindowEnd } = pane;
  const ofPane = { paneMin, paneMax, paneScoreMax, paneLastOffset, paneWindowEnd };
  const ofLink = { sensorLink: pane.sensorLink, linkBytes: pane.linkStride };
  return [
    '// Generated from src/sensors/ by `npm run generate`: what the kernel shares with the core.',
    section(
      'Of `places`, in bytes: src/sensors/row-kernel.ts.',
      prefixed('place', place),
      int32Bytes,
    ),
    section('Of `numbers`, in bytes.', prefixed('number', number), doubleBytes),
    section('Of a pane, in bytes: src/sensors/pane.ts.', ofPane, doubleBytes),
    section('Of the links of a pane, in bytes.', ofLink, int32Bytes),
    section(
      'Of a slot of an adaptive baseline, in bytes: src/sensors/baseline-adaptive.ts.',
      prefixed('slot', adaptiveSlot),
      doubleBytes,
    ),
    section(
      'Of a slot of a robust baseline, in bytes: src/sensors/robust-slot.ts.',
      prefixed('robust', robustSlot),
      doubleBytes,
    ),
    section(
      'Of the presence of a sensor, in bytes: src/sensors/presence-slot.ts.',
      prefixed('presence', presenceSlot),
      doubleBytes,
    ),
    `\nexport const presenceBytes: usize = ${doubleBytes * presenceDoubles};\n`,
    `\nexport const robustBytes: usize = ${doubleBytes * robustDoubles};\n`,
    `\n${Object.entries({ ...adaptiveRules, ...robustRules, ...presenceRules })
      .map(([name, value]) => `export const ${name}: f64 = ${value};\n`)
      .join('')}`,
  ].join('\n');
}

function section(
  comment: string,
  indices: Readonly<Record<string, number>>,
  bytes: number,
): string {
  const lines = Object.entries(indices).map(
    ([name, index]) => `export const ${name}: usize = ${index * bytes};\n`,
  );
  return `\n// ${comment}\n${lines.join('')}`;
}

/** entries → placeEntries. */
function prefixed(
  prefix: string,
  indices: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(indices).map(([name, index]) => [
      `${prefix}${name.charAt(0).toUpperCase()}${name.slice(1)}`,
      index,
    ]),
  );
}
