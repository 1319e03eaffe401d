/** The title beside an id, unless the id was made from it and says the same. Pure. */
import { clean } from './terminal.ts';

export function titleBeside(id: string, title: string): string {
  const words = (text: string): string =>
    text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}]+/gu, '-')
      .replaceAll(/^-|-$/g, '');
  const slug = words(title);
  // A long title makes an id that is its beginning; then the title says more.
  return slug === words(id) ? '' : clean(title);
}
