// The packages that are installed with the program: their licences, those that run scripts at their
// installation, and the hashes of the lock file. A package that breaks one of these is a decision
// for people, so this test names it.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface LockedPackage {
  readonly version?: string;
  readonly license?: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly dev?: true;
  readonly link?: true;
  readonly optional?: true;
  readonly os?: readonly string[];
  readonly hasInstallScript?: true;
}

const lock = JSON.parse(readFileSync(`${root}/package-lock.json`, 'utf8')) as {
  readonly packages: Readonly<Record<string, LockedPackage>>;
};
const packages = Object.entries(lock.packages).filter(([path]) => path !== '');

/** Permissive ones that ask for no more than their text beside the program. */
const licencesOfProgram = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT'];
/** Tools and tests are not passed on. */
const licencesOfTools = [...licencesOfProgram, 'BlueOak-1.0.0', 'Python-2.0'];
/** axe-core: its files stay as they are, and only tests of the page load them. */
const licensedAlone = new Map([['node_modules/axe-core', 'MPL-2.0']]);
/** Each builds or fetches a binary where the registry has none for the platform. */
const installScripts = ['esbuild', 'lmdb', 'msgpackr-extract'];
/**
 * Optional binaries of platforms that the registry of the last `npm install` did not hold. npm
 * writes them without a hash, and `npm ci` does not install them from there.
 */
const withoutHash = /^node_modules\/@(?:rollup\/rollup|msgpackr-extract\/msgpackr-extract)-/;

describe('the packages of the lock file', () => {
  it('have licences that we may pass on', () => {
    const others = packages.filter(([path, { dev, license }]) => {
      if (license === undefined) return !withoutHash.test(path);
      if (dev === true && licensedAlone.get(path) === license) return false;
      return !(dev === true ? licencesOfTools : licencesOfProgram).includes(license);
    });

    expect(others.map(([path, { license }]) => `${path}: ${license}`)).toEqual([]);
  });

  it('run no install scripts but those that are known', () => {
    const running = packages.filter(([, { hasInstallScript }]) => hasInstallScript === true);
    const names = running.map(([path]) => path.replace(/^.*node_modules\//, ''));

    expect([...new Set(names)].sort()).toEqual(installScripts);
  });

  it('are held to a hash, SHA-512, and come from a registry', () => {
    const weak = packages.filter(([path, { integrity, link, optional, os, resolved }]) => {
      if (link === true) return false;
      if (resolved?.startsWith('https:') === false) return true;
      const isLeftOut = optional === true && os !== undefined && withoutHash.test(path);
      return integrity === undefined ? !isLeftOut : !integrity.startsWith('sha512-');
    });

    expect(weak.map(([path]) => path)).toEqual([]);
  });

  it('of the program are all in the bill of materials', () => {
    const { scripts } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as {
      readonly scripts: Readonly<Record<string, string>>;
    };
    const [command = '', ...words] = (scripts['sbom'] ?? '').split(' ');
    const bill = JSON.parse(
      execFileSync(command, words, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 }),
    ) as {
      readonly bomFormat: string;
      readonly components: readonly { readonly group?: string; readonly name: string }[];
    };
    const listed = new Set(
      bill.components.map(({ group, name }) => (group ? `${group}/${name}` : name)),
    );
    const ours = packages.filter(([, { dev, link }]) => dev !== true && link !== true);

    expect(bill.bomFormat).toBe('CycloneDX');
    const missing = ours.filter(([path]) => !listed.has(path.replace(/^.*node_modules\//, '')));
    expect(missing.map(([path]) => path)).toEqual([]);
    for (const tool of ['eslint', 'typescript', 'vitest']) expect(listed).not.toContain(tool);
  });
});
