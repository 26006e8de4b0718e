// Writes the chart to a file, as SVG or as an HTML page.
import { writeFileSync } from 'node:fs';

import { ConfigError } from '../errors.ts';
import { drawChart, type ChartContent } from './chart.ts';

/**
 * Writes the picture of `content` to `path`: a page if it ends in .html, else SVG.
 * @throws ConfigError if the file cannot be written.
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
