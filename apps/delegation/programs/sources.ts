/** Which files are a package's own code, as against its tests, examples, tools and settings. */

export const CODE: RegExp = /\.(?:[cm]?[jt]s|[jt]sx)$/;

const BESIDE =
  /(?:^|\/)(?:tests?|__tests__|specs?|e2e|cypress|bench|benches|benchmarks?|examples?|demos?|docs?|website|scripts?|tools?|tasks?|build|fixtures?|__mocks__|mocks?|types|typings|stories|\.[^/]+)\/|\.(?:test|spec|bench|stories|config|conf|d|tst|test-d)\.[cm]?[jt]sx?$|(?:^|\/)(?:test|bench|benchmark|example|gulpfile|Gruntfile|karma\.conf|\.[^/]*)\.[cm]?[jt]s$/i;

export function isSource(path: string): boolean {
  return CODE.test(path) && !BESIDE.test(path);
}

/** Programs that look at types: what runs differently they cannot see, and they never waver. */
const TYPES_ALONE = /\b(?:tstyche|tsd|attw|tsc|vue-tsc|publint|tsgo)\b/;

export function seesTypesAlone(check: { readonly command: string }): boolean {
  return TYPES_ALONE.test(check.command);
}
