// Puts the chart into a file: SVG as it is, or on a page of its own.
import { writeFileSync } from 'node:fs';

import { ConfigError } from '../errors.ts';
import { drawChart, type ChartContent } from './chart.ts';

/**
 * Writes the picture of `content` to `path`, as a page where that ends in .html, else as SVG.
 * @throws ConfigError when it cannot be written there.
 */
export function writePicture(path: string, content: ChartContent): void {
  const svg = drawChart(content);
  try {
    writeFileSync(path, /\.html?$/i.test(path) ? page(svg) : svg);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`cannot write ${path}: ${reason}`, { path }, error);
  }
}

function page(svg: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Backtest</title>
<style>body{margin:16px;background:#f4f5f7}svg{max-width:100%;height:auto;display:block;margin:auto}</style>
</head>
<body>
${svg}</body>
</html>
`;
}
