/** What a child process finds around it. */
export { aboutMissing, type IgnoredFile, missingIgnored } from './ignored.ts';
export { type ChildEnv, childEnv, freePort, isSecretName, userPath } from './env.ts';
export { dependencyStamp, type LanguageEnv, languageEnv } from './languages.ts';
export { linkedOutside, provide, type Provided } from './dependencies.ts';
