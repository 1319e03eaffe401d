/**
 * What the page does in a reader's browser: comfort alone, because everything is there without it. The function is put into
 * the page as its own text, so it uses nothing from outside itself; the parts of the browser that it touches are named below.
 * It never makes markup, never stores anything and never uses the network.
 */

interface Element {
  readonly classList: { add(name: string): void };
  readonly dataset: Record<string, string | undefined>;
  readonly previousElementSibling: Element | null;
  readonly tagName: string;
  readonly isContentEditable: boolean;
  textContent: string;
  open: boolean;
  addEventListener(type: string, listener: (event: Event) => void): void;
  querySelector(selector: string): Element | null;
  closest(selector: string): Element | null;
  getBoundingClientRect(): { readonly top: number };
  focus(options: { readonly preventScroll: boolean }): void;
  scrollIntoView(): void;
  showModal(): void;
  close(): void;
}

interface Event {
  readonly key: string;
  readonly target: Element;
  readonly ctrlKey: boolean;
  readonly metaKey: boolean;
  readonly altKey: boolean;
  preventDefault(): void;
}

interface Page extends Element {
  readonly documentElement: Element;
  readonly activeElement: Element | null;
  querySelectorAll(selector: string): Iterable<Element>;
}

declare const document: Page;
declare const window: {
  addEventListener(type: string, listener: () => void): void;
  matchMedia(query: string): { readonly matches: boolean };
  setTimeout(run: () => void, ms: number): void;
};
declare const navigator: { readonly clipboard?: { writeText(text: string): Promise<void> } };

export function comfort(): void {
  const root = document.documentElement;
  root.classList.add('js');
  const keys = document.querySelector('#keys');

  const theme = (): void => {
    const dark = root.dataset.theme ?? (window.matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light');
    root.dataset.theme = dark === 'dark' ? 'light' : 'dark';
  };
  /** To the next or previous article of a kind, seen from the one that has the focus, else from the top of the window. */
  const step = (kind: string, forward: boolean): void => {
    const all = [...document.querySelectorAll(`article[data-kind="${kind}"]`)];
    const here = all.indexOf(document.activeElement?.closest('article') ?? root);
    const below = all.findIndex((each) => each.getBoundingClientRect().top > 60);
    const start = here >= 0 ? here + (forward ? 1 : -1) : forward ? below : (below < 0 ? all.length : below) - 1;
    const next = all[start];
    if (next === undefined) return;
    const folded = next.querySelector('details');
    if (folded !== null) folded.open = true;
    next.focus({ preventScroll: true });
    next.scrollIntoView();
  };
  const actions: Record<string, () => void> = {
    j: () => step('change', true),
    k: () => step('change', false),
    n: () => step('refusal', true),
    p: () => step('refusal', false),
    t: theme,
    '?': () => keys?.showModal(),
  };
  document.addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const action = Object.hasOwn(actions, event.key) ? actions[event.key] : undefined;
    if (action === undefined || (keys?.open ?? false)) return;
    event.preventDefault();
    action();
  });
  document.addEventListener('click', (event) => {
    const button = event.target.closest('button');
    if (button === null) return;
    if (button.dataset.do === 'theme') theme();
    if (button.dataset.do === 'keys') keys?.showModal();
    if (button.dataset.do === 'close') keys?.close();
    if (button.dataset.do !== 'copy') return;
    const said = (text: string): void => {
      button.textContent = text;
      window.setTimeout(() => (button.textContent = 'Copy'), 1500);
    };
    const copied = navigator.clipboard?.writeText(button.previousElementSibling?.textContent ?? '');
    if (copied === undefined) said('Select it');
    else
      copied.then(
        () => said('Copied'),
        () => said('Select it'),
      );
  });
  // A browser that cannot open folded parts on paper by style gets them opened here.
  window.addEventListener('beforeprint', () => {
    for (const each of document.querySelectorAll('details')) each.open = true;
  });
}
