/**
 * Rules whose own documentation says that their repair may change what a program does: the order in which modules are loaded,
 * what an expression returns, when something is evaluated. ESLint has no mark for it; oxlint, biome and ruff keep such repairs
 * behind an option of their own, which is never given.
 */
export const CHANGES_BEHAVIOUR: readonly string[] = [
  // imports are moved past modules with effects
  'sort-imports',
  'import/order',
  'import/first',
  'import-x/order',
  'import-x/first',
  'simple-import-sort/imports',
  'perfectionist/sort-imports',
  'perfectionist/sort-objects',
  'perfectionist/sort-classes',
  // another value for some inputs
  '@typescript-eslint/prefer-optional-chain',
  '@typescript-eslint/prefer-nullish-coalescing',
  '@typescript-eslint/no-unnecessary-boolean-literal-compare',
  '@typescript-eslint/return-await',
  '@typescript-eslint/await-thenable',
  'unicorn/no-array-for-each',
  'unicorn/no-null',
  'unicorn/prefer-spread',
  'unicorn/prefer-string-replace-all',
  'unicorn/prefer-number-properties',
  'unicorn/prefer-at',
  // a hook runs at other times
  'react-hooks/exhaustive-deps',
];
