type Child = Node | string | false | undefined;
type Prop = string | number | boolean | undefined | ((event: never) => void);
type Tags = HTMLElementTagNameMap & Pick<SVGElementTagNameMap, "svg" | "path">;

const SVG = /svg|path/;

/** Makes an element: `tag.class`, attributes (those that are truthy) or listeners, children. */
export function h<K extends keyof Tags>(
  selector: K | `${K}.${string}`,
  props: Record<string, Prop> = {},
  ...children: Child[]
): Tags[K] {
  const [tag, className] = selector.split(".") as [K, string?];
  const namespace = SVG.test(tag) ? "2000/svg" : "1999/xhtml";
  const node = document.createElementNS(`http://www.w3.org/${namespace}`, tag) as Tags[K];
  for (const [key, value] of Object.entries({ class: className, ...props })) {
    if (typeof value === "function") Object.assign(node, { [key]: value });
    else if (value) node.setAttribute(key, value as string);
  }
  node.append(...(children.filter(Boolean) as (Node | string)[]));
  return node;
}

/** A line drawing on a 24 by 24 grid; screen readers ignore it. */
export const icon = (d: string) => h("svg", { viewBox: "0 0 24 24" }, h("path", { d }));
