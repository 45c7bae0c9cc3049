type Kid = Node | string | false | undefined;
type Prop = string | number | boolean | undefined | ((event: never) => void);

/** An element: `tag.class`, attributes or listeners (`onclick`), children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  selector: K | `${K}.${string}`,
  props: Record<string, Prop> = {},
  ...kids: Kid[]
): HTMLElementTagNameMap[K] {
  const [tag, name] = selector.split(".") as [K, string?];
  const node = document.createElement(tag);
  if (name) node.className = name;
  for (const key in props) {
    const value = props[key];
    if (typeof value === "function") node.addEventListener(key.slice(2), value as EventListener);
    else if (value !== undefined && value !== false) node.setAttribute(key, `${value}`);
  }
  node.append(...(kids.filter(Boolean) as (Node | string)[]));
  return node;
}

/** A line drawing on a 24 by 24 grid; says nothing to a screen reader. */
export function icon(path: string): SVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const line = document.createElementNS(svg.namespaceURI, "path") as Element;
  svg.setAttribute("viewBox", "0 0 24 24");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}
