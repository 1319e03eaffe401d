/** Rooms plugged into hosts: what a surface or a program holds to run a fleet on a repository. */
export { openFleet } from './fleet.ts';
export type {
  AgentChoice,
  CheckChoice,
  Fleet,
  LandReport,
  LiveProcess,
  LiveRun,
  OpenFleet,
  Origin,
  Outcome,
  PlannedCommand,
  PlannedTask,
  PlanView,
  Prepared,
  Problem,
  PullRequest,
  ResumeLimits,
  RunReading,
  RunRequest,
  RunRow,
  RunView,
} from './run.ts';
