#!/usr/bin/env node
// The first file that runs, on whatever Node there is: it must parse on an old one, so it imports nothing and uses nothing new.
const found = process.versions.node.split('.').map(Number);
if (found[0]! < 22 || (found[0] === 22 && found[1]! < 18)) {
  process.stderr.write(
    'skein needs Node 22.18 or newer and found ' + process.versions.node + '. Install it from https://nodejs.org\n',
  );
  process.exitCode = 4;
} else if (process.platform === 'win32') {
  process.stderr.write('skein runs on Linux and macOS; on Windows run it inside WSL2: https://learn.microsoft.com/windows/wsl\n');
  process.exitCode = 4;
} else {
  // Node 22 calls its SQLite experimental in the middle of a person's output; every other warning is still shown.
  const warn = process.emitWarning.bind(process) as (...said: unknown[]) => void;
  process.emitWarning = (...said: unknown[]): void => {
    if (!String(said[0]).startsWith('SQLite is an experimental feature')) warn(...said);
  };
  import('node:module')
    .then((module) => {
      module.enableCompileCache();
      return import('./process.ts');
    })
    .then((surface) => surface.start())
    .catch((error: Error) => {
      process.stderr.write('skein met a defect in itself: ' + (error.stack || error.message) + '\n');
      process.exitCode = 1;
    });
}
