/**
 * Finds texts in the sources that people would read and that are not in the catalogue.
 *
 * Shown for certain is a child of an element, and an attribute that is read out or displayed. Any
 * other literal counts when it reads like a sentence or a label: several words, or a capital letter
 * at its beginning. A comment `// untranslated: why` above a statement excepts it.
 */
import { parseSync } from "vite";

/** A node of the syntax tree, as far as it is used. */
interface Node {
  type: string;
  start: number;
  end: number;
  [field: string]: unknown;
}

/** Whether a literal is certainly shown, perhaps, or never. */
type Place = "shown" | "perhaps" | "never";

const SHOWN_ATTRIBUTES =
  /^(aria-(label|description|valuetext|roledescription|placeholder)|title|alt|placeholder|label|hint|question|error|text)$/;
const NEVER_ATTRIBUTES = /^(class|className|style|d|viewBox|rel)$/;
/** Functions whose arguments are selectors, names of keys, keys of the catalogue or reasons for programmers. */
const NEVER_CALLS =
  /^(t|rich|querySelector(All)?|matches|closest|matchMedia|startsWith|Error|super)$/;
const COMPARISON = /^([=!]==?|[<>]=?|in|instanceof)$/;

/** The texts in a source that should be in the catalogue, each with its line. */
export function shownTexts(name: string, source: string): string[] {
  const { program, comments, errors } = parseSync(name, source);
  if (errors.length) throw new Error(`${name} cannot be parsed: ${errors[0]!.message}`);
  const lineOf = (index: number) => source.slice(0, index).split("\n").length;
  const excepted = comments
    .filter(({ value }) => /^\s*untranslated: \S/.test(value))
    .map(({ end }) => lineOf(end) + 1);
  const found: string[] = [];
  const report = (text: string, { start }: Node) => {
    const line = lineOf(start);
    if (!excepted.includes(line)) found.push(`${name}:${line}: ${JSON.stringify(text.trim())}`);
  };
  const visit = (node: Node, place: Place): void => {
    const text = textOf(node);
    if (text !== undefined && isText(text, place)) report(text, node);
    for (const [child, childPlace] of childrenOf(node, place)) visit(child, childPlace);
  };
  visit(program as unknown as Node, "perhaps");
  return found;
}

/** The words of a literal; undefined for any other node. */
function textOf(node: Node): string | undefined {
  if (node.type === "Literal" && typeof node.value === "string") return node.value;
  if (node.type === "JSXText") return node.value as string;
  if (node.type !== "TemplateLiteral") return undefined;
  return (node.quasis as { value: { cooked: string } }[])
    .map(({ value }) => value.cooked)
    .join("…");
}

function isText(text: string, place: Place): boolean {
  if (place === "never" || !/\p{L}/u.test(text)) return false;
  // The data of a drawing.
  if (/^[MmLlHhVvCcAaZz\d\s.,-]+$/.test(text) && /\d/.test(text)) return false;
  return place === "shown" || /\s\S*\p{L}/u.test(text) || /^\p{Lu}\p{Ll}/u.test(text.trim());
}

/** The nodes inside of a node, and whether literals there are shown. */
function childrenOf(node: Node, place: Place): [Node, Place][] {
  switch (node.type) {
    case "ImportDeclaration":
    case "ExportAllDeclaration":
      return [];
    case "ExportNamedDeclaration":
      return inside(node, place).filter(([child]) => child !== node.source);
    case "JSXElement":
    case "JSXFragment":
      return [
        ...nodes(node.openingElement).map((child) => [child, "perhaps"] as [Node, Place]),
        ...nodes(node.children).map((child) => [child, "shown"] as [Node, Place]),
      ];
    case "JSXAttribute":
      return nodes(node.value).map((child) => [child, placeOfAttribute(node)]);
    case "ConditionalExpression":
      return inside(node, place, { test: "perhaps" });
    case "LogicalExpression":
      return inside(node, place, node.operator === "&&" ? { left: "perhaps" } : {});
    case "BinaryExpression":
      return inside(node, COMPARISON.test(`${node.operator}`) ? "never" : place);
    case "SwitchCase":
      return inside(node, place, { test: "never" });
    case "CallExpression":
    case "NewExpression":
      return inside(
        node,
        "perhaps",
        NEVER_CALLS.test(nameOf(node.callee)) ? { arguments: "never" } : {},
      );
    case "AssignmentExpression":
      return inside(node, "perhaps", isStyle(node.left as Node) ? { right: "never" } : {});
    case "Property":
    case "MemberExpression":
    case "ArrowFunctionExpression":
    case "FunctionExpression":
    case "ObjectExpression":
      return inside(node, "perhaps", { key: "never", property: "never" });
    default:
      return node.type.startsWith("TS") && !node.expression ? [] : inside(node, place);
  }
}

const placeOfAttribute = ({ name }: Node): Place => {
  const attribute = `${(name as Node).name}`;
  if (NEVER_ATTRIBUTES.test(attribute)) return "never";
  return SHOWN_ATTRIBUTES.test(attribute) ? "shown" : "perhaps";
};

/** All nodes in the fields of a node, in one place except for some fields. */
const inside = (node: Node, place: Place, fields: Record<string, Place> = {}): [Node, Place][] =>
  Object.entries(node).flatMap(([field, value]) =>
    nodes(value).map((child) => [child, fields[field] ?? place] as [Node, Place]),
  );

const nodes = (value: unknown): Node[] =>
  (Array.isArray(value) ? value : [value]).filter((each) => typeof each?.type === "string");

/** `querySelector` for `document.querySelector`. */
function nameOf(callee: unknown): string {
  const { type, name, property } = callee as Node;
  if (type === "Super") return "super";
  return `${type === "MemberExpression" ? (property as Node).name : name}`;
}

/** `element.style.…` and the font of a canvas. */
const isStyle = ({ type, object, property }: Node): boolean =>
  type === "MemberExpression" &&
  ((property as Node).name === "font" ||
    ((object as Node).type === "MemberExpression" &&
      ((object as Node).property as Node).name === "style"));
