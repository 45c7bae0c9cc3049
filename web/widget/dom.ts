type Kid = Node | string | false | undefined;
type Prop = string | number | boolean | undefined | ((event: never) => void);
type Tags = HTMLElementTagNameMap & Pick<SVGElementTagNameMap, "svg" | "path">;

const DRAWN = /svg|path/;

/** An element: `tag.class`, attributes (those that are not falsy) or listeners, children. */
export function h<K extends keyof Tags>(
  selector: K | `${K}.${string}`,
  props: Record<string, Prop> = {},
  ...kids: Kid[]
): Tags[K] {
  const [tag, name] = selector.split(".") as [K, string?];
  const space = DRAWN.test(tag) ? "2000/svg" : "1999/xhtml";
  const node = document.createElementNS(`http://www.w3.org/${space}`, tag) as Tags[K];
  for (const [key, value] of Object.entries({ class: name, ...props })) {
    if (typeof value === "function") Object.assign(node, { [key]: value });
    else if (value) node.setAttribute(key, value as string);
  }
  node.append(...(kids.filter(Boolean) as (Node | string)[]));
  return node;
}

/** A line drawing on a 24 by 24 grid; says nothing to a screen reader. */
export const icon = (d: string) => h("svg", { viewBox: "0 0 24 24" }, h("path", { d }));
