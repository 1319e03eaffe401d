/** The room `work`: what a task is, what the plan is, what may land. */
export { judge, screen, type ScreenOptions } from './landing-rule.ts';
