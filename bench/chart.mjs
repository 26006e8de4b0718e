// Draws a Vega-Lite chart as SVG; installs Vega and Vega-Lite into .cache on first use.
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Writes docs/pictures/<name>.svg. */
export async function draw(name, spec) {
  const folder = `${root}.cache/plot`;
  if (!existsSync(`${folder}/node_modules/vega-lite`)) {
    const packages = ['vega@6', 'vega-lite@6'];
    execFileSync('npm', ['install', '--silent', '--prefix', folder, ...packages]);
  }
  const require = createRequire(`${folder}/index.js`);
  const vega = await import(require.resolve('vega'));
  const vegaLite = await import(require.resolve('vega-lite'));
  const view = new vega.View(vega.parse(vegaLite.compile(spec).spec), { renderer: 'none' });
  writeFileSync(`${root}docs/pictures/${name}.svg`, await view.toSVG());
}
