export function isHandWritten(path: string, head: string, attributes: string): boolean {
  return path !== '' && !head.includes('@generated') && attributes !== path;
}
