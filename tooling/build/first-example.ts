/** The first TypeScript or JavaScript block of a Markdown document, or undefined when it has none. */
export const firstExample = (markdown: string): string | undefined =>
  /^```(?:ts|js)\n(.*?)^```$/ms.exec(markdown.replaceAll("\r", ""))?.[1]
