type Kid = Node | string | false | undefined | null;
type Prop = string | number | boolean | undefined | ((event: never) => void);

/** An element with attributes, listeners (functions, named after the event) and children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Record<string, Prop> = {},
  ...kids: Kid[]
): HTMLElementTagNameMap[K] {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") node.addEventListener(name, value as EventListener);
    else attribute(node, name, value);
  }
  for (const kid of kids) if (kid) node.append(kid);
  return node;
}

/** Sets an attribute, or takes it away: true is empty, false and undefined are absent. */
export function attribute(node: Element, name: string, value: Exclude<Prop, () => void>) {
  if (value === false || value === undefined) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? "" : `${value}`);
}

/** A line drawing on a 24 by 24 grid; says nothing to a screen reader. */
export function icon(path: string): SVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  attribute(svg, "viewBox", "0 0 24 24");
  attribute(svg, "aria-hidden", "true");
  const line = document.createElementNS(svg.namespaceURI, "path") as Element;
  attribute(line, "d", path);
  svg.append(line);
  return svg;
}
