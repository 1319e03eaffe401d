/** The agent `recorder`: types of the values that the package's own tests really passed. */
import { work } from './agent.ts';

await work('recorder');
