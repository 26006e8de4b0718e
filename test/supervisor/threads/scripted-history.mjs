// A history thread that is refused its folder at the first start, as a wrong folder would.
export async function runHistory({ port }) {
  port.close();
  throw { code: 'CONFIG', message: 'the folder holds something else', details: {} };
}
