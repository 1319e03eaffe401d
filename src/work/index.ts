/** Work: a run of tasks from its baseline to its last landed commit. */
export { type WorkQuestion, WorkRoom, type WorkView } from './work-room.ts';
/** The room `work`: what a task is, what the plan is, what may land. */
export { judge, screen, type ScreenOptions } from './landing-rule.ts';
