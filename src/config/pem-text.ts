// PEM settings hold the text itself or the path of a file with it. No message holds the value: a
// key that is given in another form would be printed with it.
import { readFileSync } from 'node:fs';

import { ConfigError } from '../errors.ts';

const pemBegin = '-----BEGIN';

/**
 * Returns the PEM text that a setting holds or names.
 * @throws ConfigError if it is neither.
 */
export function pemText(setting: string, textOrPath: string): string {
  if (textOrPath.includes(pemBegin)) return textOrPath;
  let text: string;
  try {
    text = readFileSync(textOrPath, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new ConfigError(`${setting} is neither PEM text nor ${whyUnread(code)}`, { setting });
  }
  if (text.includes(pemBegin)) return text;
  const what = text.trim() === '' ? 'an empty file' : 'a file without PEM text';
  throw new ConfigError(`${setting} names ${what}; PEM begins with ${pemBegin}`, { setting });
}

function whyUnread(code: string): string {
  if (code === 'EISDIR') return 'a file: its path is a folder';
  if (code === 'EACCES') return 'a file that this user may read (EACCES)';
  if (code === 'ENOENT' || code === 'ENAMETOOLONG') {
    return `a file that exists; base64 of a PEM file is not PEM, which begins with ${pemBegin}`;
  }
  return `a file that can be read (${code})`;
}
