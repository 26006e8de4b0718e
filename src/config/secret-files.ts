// Secrets from files, as Docker and Kubernetes mount them: `HTTP_TOKEN_FILE` names the file that
// holds HTTP_TOKEN. An environment is shown by `ps` and `docker inspect`; a file has its owner.
import { readFileSync } from 'node:fs';

import { settingNames, settings, type SettingName } from './settings.ts';

type Values = Readonly<Record<string, string | undefined>>;

export const secretNames: readonly SettingName[] = settingNames.filter(
  (name) => settings[name].secret,
);

/**
 * Returns `env` with the secrets that files hold, without a line end at their end, and what was
 * wrong with a file.
 */
export function withSecretFiles(
  env: Values,
  readText: (path: string) => string = (path) => readFileSync(path, 'utf8'),
): { readonly env: Values; readonly problems: readonly string[] } {
  const secrets: Record<string, string> = {};
  const problems: string[] = [];
  for (const name of secretNames) {
    const path = env[`${name}_FILE`];
    if (path === undefined || path === '') continue;
    if ((env[name] ?? '') !== '') {
      problems.push(`${name} and ${name}_FILE are both set; allowed: one of them`);
      continue;
    }
    try {
      const text = readText(path).replace(/\r?\n$/, '');
      if (text === '') problems.push(`${name}_FILE is ${JSON.stringify(path)}, an empty file`);
      secrets[name] = text;
    } catch (error) {
      const { code = 'no text' } = error as NodeJS.ErrnoException;
      problems.push(`${name}_FILE is ${JSON.stringify(path)}, which cannot be read: ${code}`);
    }
  }
  return { env: { ...env, ...secrets }, problems };
}
