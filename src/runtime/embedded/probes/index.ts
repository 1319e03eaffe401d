/** Programs of goals: probes, judges, services. */
export { probeActivity, type ProbeNeeds, sharedOf, vetActivity } from './activities.ts';
export { readJudgeAnswer, type ReadLine, readProbeLine } from './line.ts';
export { services, type Services, type ServicesOptions } from './services.ts';
