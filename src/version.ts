// The version of the program, from package.json beside dist/ or src/.
import { readFileSync } from 'node:fs';

/** Returns the version; '0.0.0' if package.json has none. */
export function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const parsed: unknown = JSON.parse(text);
  const found =
    typeof parsed === 'object' && parsed !== null && 'version' in parsed ? parsed.version : '';
  return typeof found === 'string' && found !== '' ? found : '0.0.0';
}
