/** The contracts of every room: pure data and types. */
export * as work from './work.ts';
