/** Prints what a store file holds, for a test that reads it as another user. */
import { readStore } from '../../src/runtime/embedded/store/index.ts';

const { records, incarnation, owner } = readStore(process.argv[2]!);
process.stdout.write(JSON.stringify({ records: records.length, incarnation, owner }));
