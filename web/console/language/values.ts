/** The values that a text needs, read from the text itself by the compiler. */

/** Values for `text`: a string for `{x}`, a number for `{x, number}` and `{x, plural, …}`. */
export type ValuesOf<Text extends string> = {
  [Found in Places<Text, []> as Found[0]]: Found[1];
};

/** The tags of a text, such as `b` for `<b>…</b>`. */
export type TagsOf<Text extends string> = Text extends `${string}<${infer Tag}>${infer Rest}`
  ? Tag extends `/${string}`
    ? TagsOf<Rest>
    : Tag | TagsOf<Rest>
  : never;

/**
 * The places for values, as pairs of a name and a type. The stack says what the next brace is
 * inside of: the branches of a plural, or the text of one of them.
 */
type Places<
  Text extends string,
  Stack extends Inside[],
> = Text extends `${infer Before}}${infer After}`
  ? Before extends `${string}{${infer Opened}`
    ? Stack extends ["branches", ...Inside[]]
      ? Places<`${Opened}}${After}`, ["branch", ...Stack]>
      : Opened extends `${infer Name}, plural, ${infer Branches}`
        ? [Name, number] | Places<`${Branches}}${After}`, ["branches", ...Stack]>
        : Opened extends `${infer Name}, number`
          ? [Name, number] | Places<After, Stack>
          : [Opened, string] | Places<After, Stack>
    : Stack extends [Inside, ...infer Outer extends Inside[]]
      ? Places<After, Outer>
      : never
  : never;

type Inside = "branches" | "branch";
