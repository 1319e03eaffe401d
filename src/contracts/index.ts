/** The contracts of every room: pure data and types. */
export * as host from './host.ts';
export * as work from './work.ts';
