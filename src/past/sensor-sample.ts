// Selects the audited sensors: all, those whose id matches a pattern, or a stable share of them.
import { ConfigError } from '../errors.ts';
import { murmur2 } from '../records/murmur2.ts';

export type SensorSample = (sensorId: string) => boolean;

/**
 * Returns the sample for `text`. A number in (0, 1] is a share, chosen by a hash of id and `salt`;
 * any other text is a pattern with * and ?; undefined selects all sensors.
 * @throws ConfigError for an empty text or a number outside (0, 1].
 */
export function sensorSample(text: string | undefined, salt: string = ''): SensorSample {
  if (text === undefined) return () => true;
  if (/^[\d.]+$/.test(text)) return shareOf(Number(text), text, salt);
  if (text === '')
    throw new ConfigError('--sensors: expected a pattern or a share, got an empty text');
  const pattern = text
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '[^]*')
    .replaceAll('?', '[^]');
  const whole = new RegExp(`^${pattern}$`, 'u');
  return (sensorId) => whole.test(sensorId);
}

function shareOf(share: number, text: string, salt: string): SensorSample {
  if (!(share > 0 && share <= 1)) {
    throw new ConfigError(`--sensors: expected a share above 0 and up to 1, got ${text}`);
  }
  const limit = share * 2 ** 32;
  return (sensorId) => murmur2(Buffer.from(`${salt}\n${sensorId}`)) >>> 0 < limit;
}
