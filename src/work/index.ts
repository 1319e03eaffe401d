/** Work: a run of tasks from its baseline to its last landed commit. */
export { type WorkQuestion, WorkRoom, type WorkView } from './work-room.ts';
