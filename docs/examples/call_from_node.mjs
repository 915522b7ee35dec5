// A program in JavaScript drives the local server: it calls an application, presses digits, and looks at the frames.
// fetch alone, no library. It reports what it saw as one line of JSON.

const api = process.env.ANYRELAY_SERVER_URL

async function ask(method, path, body) {
  const headers = body ? { 'Content-Type': 'application/json' } : {}
  const answer = await fetch(api + path, { method, headers, body: body && JSON.stringify(body) })
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
  return answer.json()
}

/** Follow the events of the server until one of them is the one that is waited for; return its data. */
async function follow(after, kind, isIt) {
  const stream = await fetch(`${api}/v1/events?after=${after}`)
  let text = ''
  for await (const part of stream.body.pipeThrough(new TextDecoderStream())) {
    const blocks = (text + part).split('\n\n')
    text = blocks.pop()
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s, 2)))
      const data = fields.event === kind && JSON.parse(fields.data)
      if (data && isIt(data)) {
        await stream.body.cancel().catch(() => {})
        return data
      }
    }
  }
  throw new Error('the stream ended')
}

const call = await ask('POST', '/v1/calls', { context: process.env.CONTEXT, wait_for_subscriber: 30 })
await follow(0, 'call', (each) => each.id === call.id && each.spoken.length > 0)
await ask('POST', `/v1/calls/${call.id}/digits`, { digits: process.env.DIGITS })
const collect = await follow(0, 'frame', (each) => each.call_id === call.id && each.text.includes('calling.call.collect'))
await ask('POST', `/v1/calls/${call.id}/hangup`, {}).catch(() => {}) // the application may have hung up already
const ended = await follow(0, 'call', (each) => each.id === call.id && each.state === 'ended')
const { data } = await ask('GET', `/v1/frames?call_id=${call.id}`)

console.log(
  JSON.stringify({
    collected: JSON.parse(collect.text).params.params.result.params.digits,
    state: ended.state,
    spoken: ended.spoken,
    methods: [...new Set(data.map((frame) => frame.method).filter((method) => method?.startsWith('calling.')))],
  }),
)
process.exit(0)
