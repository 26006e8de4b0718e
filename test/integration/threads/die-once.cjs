// Preloaded into the program's threads by the fault tests: the first few threads die of an error nobody catches, a few
// seconds after they start, as a bug of ours would make them. DIE_FOLDER counts the deaths over all threads.
const { writeFileSync } = require('node:fs');
const { isMainThread } = require('node:worker_threads');

const deaths = 3;

function claimDeath() {
  for (let death = 0; death < deaths; death += 1) {
    try {
      writeFileSync(`${process.env.DIE_FOLDER}/death-${death}`, '', { flag: 'wx' });
      return true;
    } catch (error) {
      if (error.code !== 'EEXIST') throw error;
    }
  }
  return false;
}

if (!isMainThread) {
  setTimeout(() => {
    if (!claimDeath()) return;
    setImmediate(() => {
      throw new Error('a thread of the test dies');
    });
  }, 3_000).unref();
}
