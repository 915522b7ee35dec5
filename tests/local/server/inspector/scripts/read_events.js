// Reads a stream of events from chunks of so many bytes. Arguments: the text of the stream, the bytes of a chunk.
const { readEvents } = await import("/assets/scripts/event_stream.js");
const [text, size] = arguments;
const bytes = new TextEncoder().encode(text);
const stream = new ReadableStream({
  start(controller) {
    for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
    controller.close();
  },
});
const events = [];
for await (const event of readEvents(stream)) events.push(event);
return events;
