import { expect, it } from "vitest";
import type { CannedReply } from "../../shared/protocol";
import { fromCsv, toCsv } from "./replies-csv";

const reply = (change: Partial<CannedReply>): CannedReply => ({
  id: "1",
  shortcut: "hi",
  title: "",
  content: "Hello",
  shared: false,
  ...change,
});

it("reads what it writes, whatever is in the texts", () => {
  const replies = [
    reply({ title: "Greeting", shared: true }),
    reply({ shortcut: "quote", content: 'He said "1, 2"\nand\r\nleft; ' }),
    reply({ shortcut: "sum", content: "=1+1", title: "@home" }),
    reply({ shortcut: "arabic", content: "مرحبا 👋" }),
  ];
  const read = fromCsv(toCsv(replies))?.map((row) => row.reply);
  expect(read).toEqual(replies.map(({ id: _, ...fields }) => fields));
});

it("writes nothing that a spreadsheet would run", () => {
  expect(toCsv([reply({ content: "=1+1" })])).toContain(`"'=1+1"`);
});

it("reads a spreadsheet's file: a mark at the beginning, semicolons, columns in any order", () => {
  const rows = fromCsv("\ufeffContent;Shortcut;Other\r\nHello;hi;x\r\n;;\r\nBye;bye;\r\n");
  expect(rows).toEqual([
    { line: 2, reply: { shortcut: "hi", title: "", content: "Hello", shared: false } },
    { line: 3, reply: { shortcut: "bye", title: "", content: "Bye", shared: false } },
  ]);
});

it.each(["", "a,b\n1,2", "shortcut,title\nx,y", "\u0000\u0001"])("refuses %j", (text) => {
  expect(fromCsv(text)).toBeUndefined();
});
