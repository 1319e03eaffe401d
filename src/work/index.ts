/** Work: a run of tasks from its baseline to its last landed commit. */
export { type WorkQuestion, WorkRoom, type WorkView } from './work-room.ts';
/** The room `work`: what a task is, what the plan is, what may land. */
export { judge, judgeTaskChecks, screen, type ScreenOptions } from './landing-rule.ts';
export { type ParsedTasks, parseTasks, taskFromMessage, type TaskProblem, tasksFromMessages } from './task-file.ts';
export { type Durations, makePlan, type Plan, type PlanInput, type PlanResult, type PlanRow, spell } from './plan.ts';
export { editsText, FAILURE_MAX, type FailureInput, failureText } from './failure-text.ts';
export { type Loop, LoopDetector } from './loop.ts';
export { compiledAmong, HEAD_CHARS, isHandWritten, type Linguist, linguistOf, type LinguistSays } from './hand-written.ts';
