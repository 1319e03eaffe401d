/** A host of its own process under a halt record: starts a warden and programs, says both are there, then its loop never turns again. */
import { writeSync } from 'node:fs';
import { connectWarden } from '../../src/runtime/embedded/index.ts';

export interface HostRequest {
  readonly record: string;
  readonly sockets: string;
  readonly halt: string;
  readonly lease: string;
  readonly cwd: string;
  readonly argv: readonly string[];
  /** Says how the program ended instead of hanging. */
  readonly report: boolean;
}

if (process.argv[2] !== undefined) {
  const { record, sockets, halt, lease, cwd, argv, report } = JSON.parse(process.argv[2]) as HostRequest;
  const warden = await connectWarden({
    run: '1',
    record,
    sockets,
    halt: { path: halt, lease, scopes: ['global', 'run/1'], who: 'warden run/1' },
  });
  const ended = await warden.exec(argv, {
    cwd,
    env: { PATH: process.env.PATH! },
    timeoutMs: 60_000,
    keepBytes: 1000,
    outputBytesMax: 1000,
    label: 'agent a',
    onStdout: () => {
      if (report) return;
      writeSync(1, `${JSON.stringify({ warden: warden.pid })}\n`);
      for (;;); // a loop that hangs, for good
    },
  });
  if (report) writeSync(1, `${JSON.stringify({ ended: ended.ended, error: ended.error })}\n`);
  await warden.close();
}
