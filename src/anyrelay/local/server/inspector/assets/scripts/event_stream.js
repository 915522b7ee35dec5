// Server-sent events, read from a body. EventSource cannot send the header with the token.

/**
 * Read a body of `text/event-stream`; each event is `{type, data}`, its data read as JSON.
 * @param {ReadableStream<Uint8Array>} body
 */
export async function* readEvents(body) {
  let text = "";
  for await (const chunk of chunksOf(body.pipeThrough(new TextDecoderStream()))) {
    text += chunk;
    const blocks = text.split(/\r?\n\r?\n/);
    text = blocks.pop();
    for (const block of blocks) {
      const event = eventOf(block);
      if (event) yield event;
    }
  }
}

async function* chunksOf(stream) {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

/** Return the event of one block of lines; null for comments and for events whose data is no JSON. */
function eventOf(block) {
  let type = "message";
  const data = [];
  for (const line of block.split(/\r?\n/)) {
    const [, name, value] = /^([a-z]*): ?(.*)$/.exec(line) ?? [];
    if (name === "event") type = value;
    else if (name === "data") data.push(value);
  }
  if (!data.length) return null;
  try {
    return { type, data: JSON.parse(data.join("\n")) };
  } catch {
    return null;
  }
}
