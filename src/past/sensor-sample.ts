// Which sensors are looked at: all, those whose id fits a pattern, or a share of them that stays the same.
import { ConfigError } from '../errors.ts';
import { murmur2 } from '../log/murmur2.ts';

export type SensorSample = (sensorId: string) => boolean;

/**
 * Returns the sample that `text` says: a number in (0, 1] is a share of the sensors, by a hash of their id and `salt`;
 * anything else is a pattern, * for any text and ? for one character; undefined is all.
 * @throws ConfigError for an empty text or a number outside (0, 1].
 */
export function sensorSample(text: string | undefined, salt: string = ''): SensorSample {
  if (text === undefined) return () => true;
  if (/^[\d.]+$/.test(text)) return shareOf(Number(text), text, salt);
  if (text === '') throw new ConfigError('--sensors: expected a pattern or a share, got nothing');
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
