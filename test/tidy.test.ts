// Rules for the source tree as a whole: directions of imports, dead files, sizes, and that
// everything a user meets (settings, metrics) is documented. Files are read as text, so that a
// broken rule names its line.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

import { settingNames } from '../src/config/settings.ts';
import { metricNames } from './metrics/every-metric.ts';

interface Layer {
  readonly name: string;
  readonly prefixes: readonly string[];
  readonly mayImport: readonly string[];
}
interface ImportRules {
  readonly layers: readonly Layer[];
  readonly packages: Readonly<Record<string, readonly string[]>>;
}
interface Import {
  readonly from: string;
  readonly specifier: string;
}

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const filesUnder = (folder: string, ending: string): string[] =>
  existsSync(join(root, folder))
    ? readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith(ending) && !/(^|\/)(node_modules|__pycache__)\//.test(path))
        .map((path) => `${folder}/${path}`)
    : [];

const rules = JSON.parse(read('import-rules.json')) as ImportRules;
const sources = filesUnder('src', '.ts').filter((path) => !path.endsWith('.d.ts'));
const written = [...sources, ...filesUnder('assembly', '.ts')];
const tests = [...filesUnder('test', '.ts'), ...filesUnder('property-tests', '.ts')];
const imports = sources.flatMap(importsOf);

describe('imports', () => {
  it('point one way through the layers of import-rules.json', () => {
    const wrong = imports
      .filter(({ specifier }) => specifier.startsWith('.'))
      .map(({ from, specifier }) => ({ from, to: normalize(join(dirname(from), specifier)) }))
      .filter(({ from, to }) => !allowed(from, to))
      .map(({ from, to }) => `${from} (${layerOf(from).name}) imports ${to} (${layerOf(to).name})`);

    expect(wrong).toEqual([]);
  });

  it('of one third-party package stay in one folder', () => {
    const wrong = imports
      .filter(({ specifier }) => !specifier.startsWith('.') && !specifier.startsWith('node:'))
      .filter(({ from, specifier }) => {
        const owners = rules.packages[packageOf(specifier)];
        return owners?.some((owner) => from.startsWith(owner)) !== true;
      })
      .map(({ from, specifier }) => `${from} imports ${specifier}`);

    expect(wrong).toEqual([]);
  });

  it('reach every source file from a root', () => {
    const reached = new Set<string>();
    const visit = (path: string): void => {
      if (reached.has(path) || !existsSync(join(root, path))) return;
      reached.add(path);
      for (const { specifier } of importsOf(path)) {
        if (specifier.startsWith('.')) visit(normalize(join(dirname(path), specifier)));
      }
      // A worker thread's file is named by URL, not imported.
      for (const [, target = ''] of read(path).matchAll(
        /new URL\(\s*[`']([^`'$]+\.(?:ts|js))[`']/g,
      )) {
        visit(normalize(join(dirname(path), target.replace(/\.js$/, '.ts'))));
      }
      for (const [, target = ''] of read(path).matchAll(/new URL\(\s*`([^`$]+)\$\{/g)) {
        visit(normalize(join(dirname(path), `${target.replace(/\.$/, '')}.ts`)));
      }
    };

    visit('src/main.ts');

    expect(sources.filter((path) => !reached.has(path))).toEqual([]);
  });

  it('use no package that package.json does not name as a dependency', () => {
    const { dependencies } = JSON.parse(read('package.json')) as {
      dependencies: Record<string, string>;
    };
    const used = new Set(
      imports
        .map(({ specifier }) => specifier)
        .filter((specifier) => !specifier.startsWith('.') && !specifier.startsWith('node:'))
        .map(packageOf),
    );

    expect([...used].filter((name) => !(name in dependencies))).toEqual([]);
    expect(Object.keys(dependencies).filter((name) => !used.has(name))).toEqual([]);
  });
});

describe('source files', () => {
  it('hold at most 350 lines', () => {
    const long = written
      .map((path) => ({ path, lines: read(path).split('\n').length - 1 }))
      .filter(({ lines }) => lines > 350);

    expect(long).toEqual([]);
  });

  it('hold functions of at most 60 lines', () => {
    // The kernel's two fused loops, since WebAssembly inlines nothing over a call; a list of
    // metrics.
    const exempt = [
      'assembly/fold.ts foldRows',
      'assembly/number.ts scanNumber',
      'src/metrics/pipeline-metrics.ts createMetrics',
    ];
    const long = written.flatMap((path) =>
      functionsOf(path)
        .filter(({ lines }) => lines > 60)
        .map(({ name, lines }) => ({ name: `${path} ${name}`, lines }))
        .filter(({ name }) => !exempt.includes(name)),
    );

    expect(long).toEqual([]);
  });

  it('export each name once, except for the factories that the adapters of a port share', () => {
    const factories = ['openPartitionWriter'];
    const exporters = new Map<string, string[]>();
    for (const path of sources) {
      for (const [, name = ''] of read(path).matchAll(
        /^export (?:async )?(?:function\*?|class|interface|type|const) ([A-Za-z]\w*)/gm,
      )) {
        exporters.set(name, [...(exporters.get(name) ?? []), path]);
      }
    }
    const twice = [...exporters].filter(
      ([name, paths]) => paths.length > 1 && !factories.includes(name),
    );

    expect(exporters.size).toBeGreaterThan(500);
    expect(twice).toEqual([]);
  });

  it('keep the prose of comments within 100 columns', () => {
    // Drawings and tables of bytes begin with three spaces.
    const long = written.flatMap((path) =>
      read(path)
        .split('\n')
        .filter((line) => line.length > 100 && /^\s*(?:\/\/|\/?\*\*?) ?(?! {2})\S/.test(line))
        .map((line) => `${path}: ${line.trim()}`),
    );

    expect(long).toEqual([]);
  });

  it('begin no comment with a relative clause that has no subject', () => {
    const headless = /^\s*(?:\/\/|\*|\/\*\*) (?:What|Who|Whose|Of which|Of what) .*[^?]$/;
    const found = [...written, ...tests].flatMap((path) =>
      read(path)
        .split('\n')
        .filter((line) => headless.test(line))
        .map((line) => `${path}: ${line.trim()}`),
    );

    expect(found).toEqual([]);
  });

  it('name in their comments only files that exist', () => {
    const names = new Set(
      [
        ...written,
        ...tests,
        ...filesUnder('docs', ''),
        ...filesUnder('scripts', ''),
        'kernel.wasm',
      ].map((path) => path.replace(/^.*\//, '')),
    );
    const missing = written.flatMap((path) =>
      [...read(path).matchAll(/(?:^|\s)(?:\/\/|\*) .*$/gm)].flatMap(([line]) =>
        [...line.matchAll(/(?<![\w:/.])(?:[\w.-]+\/)*([\w-]+(?:\.\w+)*\.(?:ts|mjs|wasm|md))\b/g)]
          .map(([, name = '']) => name)
          .filter((name) => !names.has(name))
          .map((name) => `${path} names ${name}`),
      ),
    );

    expect(missing).toEqual([]);
  });

  it('begin with a comment that says what they are', () => {
    expect(written.filter((path) => !/^(#!.*\n)?\/[/*]/.test(read(path)))).toEqual([]);
  });

  it('have no drawer for everything', () => {
    const drawer = /(^|[/-])(utils?|helpers?|common|misc|manager|types|index)\.ts$/;

    expect(written.filter((path) => drawer.test(path))).toEqual([]);
  });

  it('name an issue with every open point', () => {
    const open = [...written, ...tests]
      .filter((path) => path !== 'test/tidy.test.ts')
      .filter((path) => /\b(TODO|FIXME|XXX)\b(?!.*#\d)/.test(read(path)));

    expect(open).toEqual([]);
  });
});

describe('tests', () => {
  it('never run alone by mistake', () => {
    const only = tests.filter((path) => /\b(it|test|describe)\.only\(/.test(read(path)));

    expect(only).toEqual([]);
  });

  it('check synchronous properties with `holds`, which yields the thread between runs', () => {
    const blocking = tests
      .filter((path) => path !== 'property-tests/seed.ts')
      .filter((path) => /\bfc\.assert\((?!\s*fc\.asyncProperty\()/.test(read(path)));

    expect(blocking).toEqual([]);
  });
});

describe('mutants', () => {
  it('each find their line, once', () => {
    const mutants = JSON.parse(read('test/mutants/mutants.json')) as readonly {
      readonly name: string;
      readonly file: string;
      readonly find: string;
    }[];
    const lost = mutants
      .filter(({ file, find }) => read(file).split(find).length !== 2)
      .map(({ name, file }) => `${name} (${file})`);

    expect(lost).toEqual([]);
  });
});

describe('the repository', () => {
  it('names no folder of the machine it was written on', () => {
    const paths = [
      ...written,
      ...tests,
      ...filesUnder('docs', '.md'),
      ...filesUnder('scripts', ''),
      ...filesUnder('feature_repo', '.py'),
      ...filesUnder('monitoring', ''),
      ...['README.md', 'CHANGELOG.md', 'package.json', '.ci/run', 'Dockerfile'],
    ].filter((path) =>
      /\.(ts|md|sh|mjs|json|xml|py|in|properties|ya?ml)$|run$|Dockerfile$/.test(path),
    );
    const machinePath = new RegExp(['/(work', 'home|root|Users)/'].join('|'));
    const named = paths.filter(
      (path) => existsSync(join(root, path)) && machinePath.test(read(path)),
    );

    expect(named).toEqual([]);
  });

  it('resolves no package from a named registry host', () => {
    expect(read('package-lock.json')).not.toMatch(/"resolved": "https?:/);
  });
});

describe('the documentation', () => {
  it('explains every metric', async () => {
    const documented = read('docs/metrics.md');
    const metrics = await metricNames();
    const missing = metrics.filter((name) => !documented.includes(`\`${name}\``));

    expect(metrics.length).toBeGreaterThan(10);
    expect(missing).toEqual([]);
  });

  it('explains every setting', () => {
    const documented = read('docs/configuration.md');
    const missing = settingNames.filter((name) => !documented.includes(`\`${name}\``));

    expect(settingNames.length).toBeGreaterThan(30);
    expect(missing).toEqual([]);
  });

  it('explains every reason of a dead letter', () => {
    const documented = read('docs/operations.md');
    const reasons = sources
      .filter((path) => /^src\/(sensors|codecs|actors)\//.test(path))
      .flatMap((path) => [...read(path).matchAll(/\bcode: [^,'`]*'([a-z0-9_]+)'/g)])
      .map(([, code = '']) => code);
    const missing = reasons.filter((code) => !documented.includes(`\`${code}\``));

    expect(reasons.length).toBeGreaterThan(10);
    expect(missing).toEqual([]);
  });

  it('links only to files that exist', () => {
    const pages = ['README.md', 'CHANGELOG.md', ...filesUnder('docs', '.md')];
    const broken = pages.flatMap((page) =>
      [...read(page).matchAll(/\]\(([^)#:\s]+)(?:#[^)]*)?\)/g)]
        .map(([, target = '']) => normalize(join(dirname(page), target)))
        .filter((target) => !existsSync(join(root, target)))
        .map((target) => `${page} -> ${target}`),
    );

    expect(broken).toEqual([]);
  });
});

interface FunctionSize {
  readonly name: string;
  readonly lines: number;
}

function functionsOf(path: string): readonly FunctionSize[] {
  const file = ts.createSourceFile(path, read(path), ts.ScriptTarget.Latest, true);
  const lineOf = (at: number): number => file.getLineAndCharacterOfPosition(at).line;
  const found: FunctionSize[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
      const lines = lineOf(node.end) - lineOf(node.getStart()) + 1;
      found.push({ name: node.name?.getText() ?? '(anonymous)', lines });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

function importsOf(from: string): Import[] {
  const text = read(from);
  const found = [
    ...text.matchAll(/^(?:import|export)\b[^;'"]*?from\s+'([^']+)'/gm),
    ...text.matchAll(/^import\s+'([^']+)'/gm),
    ...text.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g),
    ...text.matchAll(/\brequire(?:\.resolve)?\(\s*'([^']+)'\s*\)/g),
  ];
  return found.map(([, specifier = '']) => ({ from, specifier }));
}

/** The layer whose longest prefix fits the path. */
function layerOf(path: string): Layer {
  let best: Layer | undefined;
  let length = 0;
  for (const layer of rules.layers) {
    for (const prefix of layer.prefixes) {
      if (path.startsWith(prefix) && prefix.length > length) {
        best = layer;
        length = prefix.length;
      }
    }
  }
  if (best === undefined) throw new Error(`${path} belongs to no layer of import-rules.json`);
  return best;
}

function allowed(from: string, to: string): boolean {
  const layer = layerOf(from);
  const target = layerOf(to);
  if (layer.name === target.name) {
    // Adapters know their port, not each other; those of one technology share it (the embedded log
    // and store, LMDB).
    return layer.name !== 'adapters' || technology(from) === technology(to);
  }
  return layer.mayImport.includes('*') || layer.mayImport.includes(target.name);
}

function technology(path: string): string | undefined {
  return path.split('/')[2];
}

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}
