// Preloaded into every thread of the program by a test: its wall clock is off by as many milliseconds as the file that
// CLOCK_STEP names says, looked at twenty times a second. The time that timers and monotonic clocks go by is not touched.
const { readFileSync } = require('node:fs');

const RealDate = Date;
const realNow = RealDate.now;
let stepMs = 0;

const look = () => {
  try {
    stepMs = Number(readFileSync(process.env.CLOCK_STEP, 'utf8'));
  } catch {
    stepMs = 0;
  }
};
look();
setInterval(look, 50).unref();

globalThis.Date = class Date extends RealDate {
  constructor(...parts) {
    if (parts.length === 0) super(realNow() + stepMs);
    else super(...parts);
  }

  static now() {
    return realNow() + stepMs;
  }
};
