// Returns a JSON text as the page shows it, and the kinds of its tokens.
const { jsonTokens } = await import("/assets/scripts/json_lines.js");
const tokens = jsonTokens(arguments[0]);
return [tokens.map((token) => token.text).join(""), tokens.filter((token) => token.kind).map((token) => token.kind)];
