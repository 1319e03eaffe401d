/** The agent `infer`: types that follow from how the code uses a value, by the compiler's own quick fixes. */
import { work } from './agent.ts';

await work('infer');
