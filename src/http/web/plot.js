// The look that the charts of the page share.
import { formatNumber } from './model.js';

/** Returns the theme's colour `name`, a custom property of page.css. */
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Returns uPlot's axes, that of time and that of values; `width` is the room for the values. */
export function axes(width) {
  const axis = { stroke: colour('--quiet'), grid: { stroke: colour('--line'), width: 1 } };
  return [axis, { ...axis, size: width, values: (_, ticks) => ticks.map(formatNumber) }];
}
