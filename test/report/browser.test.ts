/** The report in a real browser: accessible in both themes and at both widths, silent, alone, and usable by keyboard. */
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { reportPage } from '../../src/surfaces/cli/report-page/page.ts';
import { hostile } from './hostile.ts';
import { nothing, rich } from './runs.ts';

const executable = ['chromium', 'chromium-browser', 'google-chrome']
  .flatMap((name) => (process.env.PATH ?? '').split(delimiter).map((directory) => join(directory, name)))
  .find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PAGES = { rich: rich(), nothing: nothing(), hostile: hostile(rich()) };
type Name = keyof typeof PAGES;

/** What of the browser the tests look at. */
interface Window {
  readonly axe: {
    run(options: object): Promise<{ violations: { id: string; nodes: { html: string; any: { message: string }[] }[] }[] }>;
  };
  readonly owned?: unknown;
  readonly document: {
    readonly documentElement: { readonly scrollWidth: number; readonly dataset: Record<string, string | undefined> };
    readonly activeElement: { readonly id: string; readonly dataset: Record<string, string | undefined> } | null;
    readonly styleSheets: { readonly length: number };
    querySelectorAll(selector: string): Iterable<{ open: boolean }>;
  };
}

describe.skipIf(executable === undefined)('the report in a browser (chromium)', () => {
  let browser: Browser | undefined;
  let home: string;
  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'skein-report-'));
    for (const [name, data] of Object.entries(PAGES)) writeFileSync(join(home, `${name}.html`), reportPage(data));
    browser = await chromium.launch({
      executablePath: executable!,
      args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
      timeout: 110_000,
    });
  }, 120_000); // the first start of a browser on a busy machine reads hundreds of megabytes
  afterAll(async () => {
    await browser?.close();
    rmSync(home, { recursive: true, force: true });
  });

  /** A page, with everything it complained about or asked the network for. */
  async function open(name: Name, options: { axe?: boolean; javaScript?: boolean } = {}) {
    const { axe = false, javaScript = true } = options;
    const context = await browser!.newContext({
      viewport: { width: 1440, height: 900 },
      colorScheme: 'dark',
      javaScriptEnabled: javaScript,
    });
    const page = await context.newPage();
    const said: string[] = [];
    page.on('console', (message) => said.push(message.text()));
    page.on('pageerror', (error) => said.push(error.message));
    page.on('request', (request) => {
      if (!request.url().startsWith('file:') && !request.url().startsWith('data:')) said.push(request.url());
    });
    if (axe) await page.addInitScript(AXE);
    await page.goto(pathToFileURL(join(home, `${name}.html`)).href);
    return { page, said, close: () => context.close() };
  }

  const unfold = (page: Page): Promise<void> =>
    page.evaluate(() => {
      for (const each of (globalThis as unknown as Window).document.querySelectorAll('details')) each.open = true;
    });
  const focused = (page: Page): Promise<string> =>
    page.evaluate(() => {
      const { activeElement } = (globalThis as unknown as Window).document;
      return `${activeElement?.dataset.kind ?? ''} ${activeElement?.id ?? ''}`.trim();
    });

  for (const name of ['rich', 'nothing'] as const)
    it(`accessibility of a ${name} run has no violation of accessibility at any width or theme, fits, and is silent`, async ({
      annotate,
    }) => {
      await annotate('looks at every element four times');
      const { page, said, close } = await open(name, { axe: true });
      await unfold(page);
      for (const width of [1440, 390])
        for (const colorScheme of ['dark', 'light'] as const) {
          await page.setViewportSize({ width, height: 900 });
          await page.emulateMedia({ colorScheme });
          // Another theme changes nothing but colours.
          const rules = colorScheme === 'dark' ? {} : { runOnly: ['color-contrast'] };
          const violations = await page.evaluate(async (options) => {
            const { violations: found } = await (globalThis as unknown as Window).axe.run(options);
            return found.map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 200)} ${nodes[0]?.any[0]?.message}`);
          }, rules);
          expect(violations, `${width} px, ${colorScheme}`).toEqual([]);
          const wide = await page.evaluate(() => (globalThis as unknown as Window).document.documentElement.scrollWidth);
          expect(wide).toBeLessThanOrEqual(width);
        }
      expect(said).toEqual([]);
      await close();
    });

  it('hostile text runs nothing and loads nothing', async () => {
    const { page, said, close } = await open('hostile');
    await unfold(page);
    expect(await page.evaluate(() => (globalThis as unknown as Window).owned)).toBeUndefined();
    expect(said).toEqual([]);
    await close();
  });

  it('its policy lets nothing in that it was not made with', async () => {
    const planted = reportPage(PAGES.nothing).replace(
      '</main>',
      '<script>globalThis.owned=1</script><img src="http://localhost:9/x"></main>',
    );
    writeFileSync(join(home, 'nothing.html'), planted);
    const { page, said, close } = await open('nothing');
    expect(await page.evaluate(() => (globalThis as unknown as Window).owned)).toBeUndefined();
    expect(said.filter((line) => line.includes('Content Security Policy'))).toHaveLength(2);
    await close();
  });

  it('keys go from change to change and from refusal to refusal, and turn the theme', async () => {
    const { page, said, close } = await open('rich');
    const seen: string[] = [];
    for (const key of ['j', 'j', 'k', 'n', 'n', 'p']) {
      await page.keyboard.press(key);
      seen.push(await focused(page));
    }
    expect(seen).toEqual(['change c1', 'change c2', 'change c1', 'refusal', 'refusal', 'refusal']);
    await page.keyboard.press('t');
    const theme = await page.evaluate(() => (globalThis as unknown as Window).document.documentElement.dataset.theme);
    expect(theme).toBe('light');
    await page.keyboard.press('?');
    expect(await page.isVisible('#keys')).toBe(true);
    await page.keyboard.press('Escape');
    expect(await page.isVisible('#keys')).toBe(false);
    expect(said).toEqual([]);
    await close();
  });

  it('without JavaScript everything is there, and no button that would do nothing', async () => {
    const { page, close } = await open('rich', { javaScript: false });
    expect(await page.isVisible('text=9 of 10 tasks landed')).toBe(true);
    expect(await page.locator('button:visible').count()).toBe(0);
    await page.locator('summary', { hasText: 'the change, line by line' }).nth(5).click();
    expect(await page.locator('details[open] .r').count()).toBeGreaterThan(20);
    await close();
  });
});
