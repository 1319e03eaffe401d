/** A host of its own process, to be killed by a test: starts one warden and one program, says both are there, and waits or hangs. */
import { writeSync } from 'node:fs';
import { connectWarden, type Sandbox } from '../../src/runtime/embedded/index.ts';

export interface HostRequest {
  readonly record: string;
  readonly sockets: string;
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly sandbox?: Sandbox;
  /** The loop never turns again once the program runs. */
  readonly hang: boolean;
  /** Says how the program ended instead, once it has. */
  readonly report?: boolean;
}

if (process.argv[2] !== undefined) {
  const { record, sockets, argv, cwd, sandbox, hang, report } = JSON.parse(process.argv[2]) as HostRequest;
  const warden = await connectWarden({ run: '1', record, sockets });
  const running = warden.exec(argv, {
    cwd,
    env: { PATH: process.env.PATH!, HOME: process.env.HOME!, WARDEN: String(warden.pid), WARDEN_SOCKET: warden.socket },
    timeoutMs: 60_000,
    keepBytes: 100_000,
    outputBytesMax: 1_000_000,
    ...(sandbox === undefined ? {} : { sandbox }),
    onStdout: () => {
      if (report === true) return;
      writeSync(1, `${JSON.stringify({ warden: warden.pid, socket: warden.socket })}\n`); // the program has spoken: it runs
      for (;;) if (!hang) return;
    },
  });
  const { stdout, stderr, ...ending } = await running;
  if (report === true) {
    const warned = (await warden.status()).pid === warden.pid;
    writeSync(1, JSON.stringify({ ...ending, stdout: stdout.toString(), stderr: stderr.toString(), wardenLives: warned }));
    await warden.close();
  }
}
