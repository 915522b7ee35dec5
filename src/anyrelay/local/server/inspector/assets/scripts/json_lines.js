// JSON as lines of tokens: indented and coloured, every number and string as the server wrote it.

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|true|false|null|[{}[\],:]/g;

/**
 * Return the tokens of a JSON text, with line ends and indentation between them: `{text, kind}`, the kind one of key, string,
 * number, word and "".
 * @param {string} text a valid JSON text
 */
export function jsonTokens(text) {
  const tokens = [];
  const put = (words, kind = "") => tokens.push({ text: words, kind });
  const found = text.match(TOKEN) ?? [];
  let depth = 0;
  const newLine = () => put(`\n${"  ".repeat(depth)}`);
  found.forEach((token, index) => {
    const next = found[index + 1];
    if (token === "{" || token === "[") {
      put(token);
      depth += 1;
      if (next !== "}" && next !== "]") newLine();
    } else if (token === "}" || token === "]") {
      depth -= 1;
      const before = found[index - 1];
      if (before !== "{" && before !== "[") newLine();
      put(token);
    } else if (token === ",") {
      put(token);
      newLine();
    } else if (token === ":") {
      put(": ");
    } else {
      put(token, kindOf(token, next));
    }
  });
  return tokens;
}

function kindOf(token, next) {
  if (token.startsWith('"')) return next === ":" ? "key" : "string";
  return /^[tfn]/.test(token) ? "word" : "number";
}
