/**
 * Returns the line through `points` of x and y that is nearest by least squares, with the standard
 * error of its slope.
 */
export function leastSquares(points) {
  const sum = (of) => points.reduce((total, point) => total + of(point), 0);
  const [x, y] = [sum((point) => point.x) / points.length, sum((point) => point.y) / points.length];
  const spreadX = sum((point) => (point.x - x) ** 2);
  const slope = sum((point) => (point.x - x) * (point.y - y)) / spreadX;
  const intercept = y - slope * x;
  const rest = sum((point) => (point.y - intercept - slope * point.x) ** 2);
  return { slope, intercept, slopeError: Math.sqrt(rest / (points.length - 2) / spreadX) };
}
